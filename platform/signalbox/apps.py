"""The project as a Django app: it owns the commands, and wires events to handlers once all apps are loaded."""

from allauth.account.apps import AccountConfig
from django.apps import AppConfig


class SignalboxConfig(AppConfig):
    name = "signalbox"
    verbose_name = "Signalbox"

    def ready(self) -> None:
        # Whoever sends a task needs the application that knows the broker, not the worker alone.
        from signalbox import celery  # noqa: F401

        # The wiring page imports every app, so it can only be read once all of them are loaded.
        from signalbox.wiring import wire

        wire()


class BareAllauthConfig(AccountConfig):
    """What allauth's second factors import; its pages are not mounted, so its middleware is not needed."""

    def ready(self) -> None:
        """Without the demand for the middleware."""
