"""How positions and portfolios are written and shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kernel.api.fields import MomentField, NumberField
from portfolio.selectors import ValuedPosition

# Products of two full columns have more digits than either.
AMOUNT_DIGITS = 40


class AmountField(NumberField):
    """A calculated amount of money."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=AMOUNT_DIGITS, read_only=True, **kwargs)


class PositionWriteSerializer(serializers.Serializer[Any]):
    """A purchase (or a sale, where `quantity` is negative) at a price for each piece."""

    symbol = serializers.CharField(max_length=64)
    quantity = NumberField()
    average_price = NumberField()
    formula_id = serializers.IntegerField(min_value=1, required=False, allow_null=True)


class PositionSerializer(serializers.Serializer[Any]):
    """What is held of one instrument; what depends on the market is null where there is no price."""

    id = serializers.IntegerField(source="position.id", read_only=True)
    symbol = serializers.CharField(source="position.instrument.symbol", read_only=True)
    quantity = NumberField(source="position.quantity", read_only=True)
    average_price = NumberField(source="position.average_price", read_only=True)
    current_price = AmountField(allow_null=True)
    market_value = AmountField(allow_null=True)
    unrealized_pnl = AmountField(allow_null=True)
    unrealized_pnl_percentage = AmountField(allow_null=True)
    realized_pnl = NumberField(source="position.realized_pnl", read_only=True)
    formula_id = serializers.IntegerField(source="position.formula_id", read_only=True, allow_null=True)
    broker_connection_id = serializers.SerializerMethodField()
    opened_at = MomentField(source="position.opened_at", read_only=True)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_broker_connection_id(self, valued: ValuedPosition) -> int | None:
        """Null for what was entered by hand."""
        return None


class StatsSerializer(serializers.Serializer[Any]):
    """A portfolio as a whole; amounts are added up as they stand, whatever their `currencies`."""

    total_value = AmountField()
    total_unrealized_pnl = AmountField()
    total_realized_pnl = AmountField()
    total_return_percentage = AmountField()
    positions_count = serializers.IntegerField(read_only=True)
    invested = AmountField()
    long_value = AmountField()
    short_value = AmountField()
    gross_exposure = AmountField()
    largest_position_percentage = AmountField()
    unpriced_positions = serializers.IntegerField(read_only=True)
    currencies = serializers.ListField(child=serializers.CharField(), read_only=True)


class PointSerializer(serializers.Serializer[Any]):
    """A portfolio at the end of a day, for today as it is now."""

    date = MomentField(read_only=True)
    total_value = AmountField()
    unrealized_pnl = AmountField()
    realized_pnl = AmountField()
