"""The project as a Django app: it owns the commands, and wires events to handlers once all apps are loaded."""

from django.apps import AppConfig


class SignalboxConfig(AppConfig):
    name = "signalbox"
    verbose_name = "Signalbox"

    def ready(self) -> None:
        # The wiring page imports every app, so it can only be read once all of them are loaded.
        from signalbox.wiring import wire

        wire()
