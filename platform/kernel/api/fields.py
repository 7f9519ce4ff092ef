"""Serializer fields with one meaning everywhere: numbers, moments and bounded text."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from kernel import clock

DIGITS, PLACES = 24, 8


class NumberField(serializers.DecimalField):
    """An exact decimal in storage and arithmetic (24 digits, 8 places), a JSON number on the wire."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", DIGITS)
        kwargs.setdefault("decimal_places", PLACES)
        super().__init__(normalize_output=True, coerce_to_string=False, **kwargs)

    def to_representation(self, value: Any) -> Any:
        shown = super().to_representation(value)
        # A normalised 100 prints as 1E+2: valid JSON, but not what a person expects to read.
        return shown.quantize(Decimal(1)) if isinstance(shown, Decimal) and shown == shown.to_integral() else shown


class MomentField(serializers.DateTimeField):
    """An instant: ISO 8601 in UTC, ending in `Z`."""

    def to_representation(self, value: datetime) -> str:
        return clock.isoformat(value)
