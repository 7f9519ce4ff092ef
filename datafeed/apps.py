"""Market data as a Django app."""

from django.apps import AppConfig


class DatafeedConfig(AppConfig):
    name = "datafeed"
    verbose_name = "Market data"

    def ready(self) -> None:
        from datafeed import checks  # noqa: F401  registering needs the apps to be loaded
