"""Creating, changing and removing instruments."""

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError, RestrictedError

from datafeed.models import Bar, Instrument

FIELDS = (
    "symbol",
    "name",
    "exchange",
    "type",
    "currency",
    "price_increment",
    "lot_size",
    "session",
    "timezone",
    "is_active",
)


@transaction.atomic
def create_instrument(**values: Any) -> Instrument:
    """A new instrument; raises Django's `ValidationError` naming each field that is wrong."""
    return _save(Instrument(), values)


@transaction.atomic
def change_instrument(*, instrument: Instrument, **values: Any) -> Instrument:
    """Change the given fields; raises Django's `ValidationError` naming each that is wrong."""
    return _save(instrument, values)


def _save(instrument: Instrument, values: dict[str, Any]) -> Instrument:
    for name in FIELDS:
        if name in values:
            setattr(instrument, name, values[name])
    instrument.symbol = instrument.symbol.upper()
    instrument.currency = instrument.currency.upper()
    instrument.full_clean()
    instrument.save()
    return instrument


@transaction.atomic
def remove_instrument(*, instrument: Instrument) -> None:
    """Delete an instrument that nothing depends on; one with bars, or that others refer to, becomes inactive."""
    if not Bar.objects.filter(series__instrument=instrument).exists():
        try:
            with transaction.atomic():
                instrument.delete()
        except (ProtectedError, RestrictedError):
            pass
        else:
            return
    instrument.is_active = False
    instrument.save(update_fields=["is_active", "updated_at"])
