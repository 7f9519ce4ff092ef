"""How the control panel shows moments, decimals and states."""

from decimal import Decimal

from kernel import clock

# The colours of a state's label, for unfold's `display(label=…)`; what is not named is grey.
TONES = {
    **dict.fromkeys(["running", "succeeded", "public", "exact", "approved", "buy", "ok"], "success"),
    **dict.fromkeys(["queued", "pending", "paused", "retired", "degraded", "silent"], "warning"),
    **dict.fromkeys(["failed", "differs", "rejected", "error", "down", "sell"], "danger"),
}


def moment(seconds: int | None) -> str:
    """Epoch seconds as people read them, in UTC; a dash where there are none."""
    return "-" if seconds is None else f"{clock.from_epoch(seconds):%Y-%m-%d %H:%M}"


def plain(number: Decimal | None) -> str:
    """A decimal without the zeros that only storage needs, its thousands apart; a dash where there is none."""
    return "-" if number is None else f"{number.normalize():,f}"
