"""The roof: settings, URLs, the ASGI application and the page that wires events to handlers."""

__version__ = "0.1.0"
