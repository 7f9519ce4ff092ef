"""System checks of the settings that market data reads."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from datafeed.models import SYMBOL_PATTERN
from datafeed.resolutions import LADDER, canonical


def _is_served(text: str) -> bool:
    try:
        return canonical(text) in LADDER
    except ValueError:
        return False


@register(Tags.compatibility)
def check_broadcaster(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Name every symbol and resolution of the broadcaster's settings that it could not serve."""
    faults: list[CheckMessage] = [
        Error(
            f"BAR_BROADCASTER_RESOLUTIONS: {text!r} is not served.",
            hint=f"Choose from {', '.join(LADDER)}.",
            id="datafeed.E001",
        )
        for text in settings.BAR_BROADCASTER_RESOLUTIONS
        if not _is_served(text)
    ]
    faults += [
        Error(
            f"BAR_BROADCASTER_SYMBOLS: {text!r} is not a symbol.",
            hint="Symbols are letters, digits and . _ / : & ^ = -, at most 40.",
            id="datafeed.E002",
        )
        for text in settings.BAR_BROADCASTER_SYMBOLS
        if not re.fullmatch(SYMBOL_PATTERN, text.upper())
    ]
    return faults
