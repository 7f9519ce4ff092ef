"""How moments and decimals are shown in the control panel."""

from decimal import Decimal

from kernel import clock


def moment(seconds: int | None) -> str:
    """Epoch seconds as people read them, in UTC; a dash where there are none."""
    return "-" if seconds is None else f"{clock.from_epoch(seconds):%Y-%m-%d %H:%M}"


def plain(number: Decimal | None) -> str:
    """A decimal without the zeros that only storage needs."""
    return "-" if number is None else f"{number.normalize():f}"
