"""How backtests are asked for and shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from formulas.backtests import MOST_SYMBOLS, Choice
from formulas.models import Backtest
from formulas.outcomes import TRADE_COLUMNS
from kernel import clock
from kernel.api.fields import MomentField, NumberField
from kernel.models import JobStatus


class BacktestWriteSerializer(serializers.Serializer[Any]):
    """What to test on, from when to when, and on which terms; `symbol` and `symbols` add up."""

    symbol = serializers.CharField(max_length=64, required=False)
    symbols = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=MOST_SYMBOLS)
    resolution = serializers.CharField(max_length=8)
    initial_capital = NumberField(required=False, min_value=1, max_value=10**12)
    fee_bps = NumberField(max_digits=8, decimal_places=4, required=False, min_value=0, max_value=1_000)
    slippage_bps = NumberField(max_digits=8, decimal_places=4, required=False, min_value=0, max_value=1_000)
    parameters = serializers.DictField(child=serializers.FloatField(), required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python and cannot be written as a name in the class.
        start = serializers.DateTimeField(required=False, help_text="inclusive; the opening of bars")
        end = serializers.DateTimeField(required=False, help_text="exclusive; the opening of bars")
        return {**super().get_fields(), "from": start, "to": end}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("symbol") and not attrs.get("symbols"):
            raise serializers.ValidationError({"symbol": ["A symbol is required."]})
        if "from" in attrs and "to" in attrs and attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError({"to": ["This must be later than `from`."]})
        return attrs


def choice_of(fields: dict[str, Any]) -> Choice:
    """What the body chose beside its symbols."""
    since, until = (int(fields[name].timestamp()) if name in fields else None for name in ("from", "to"))
    rest = {name: value for name, value in fields.items() if name not in {"symbol", "symbols", "from", "to"}}
    return Choice(since=since, until=until, **rest)


class EpochField(serializers.DateTimeField):
    """Epoch seconds in storage, ISO 8601 in UTC on the wire."""

    def to_representation(self, value: Any) -> str:
        return moment_of(value)


def moment_of(seconds: int) -> str:
    """Epoch seconds as ISO 8601 in UTC."""
    return clock.isoformat(clock.from_epoch(seconds))


class FiguresField(serializers.DictField):
    """Figures by name; null is one without an answer."""

    child = serializers.FloatField(allow_null=True)


class BacktestSerializer(serializers.ModelSerializer[Backtest]):
    """A backtest in a list; `status` is that of its job, and `metrics` are null until it has succeeded."""

    formula_version = serializers.IntegerField(source="version.number", read_only=True)
    symbol = serializers.CharField(source="instrument.symbol", read_only=True)
    initial_capital = NumberField(read_only=True)
    fee_bps = NumberField(max_digits=10, decimal_places=4, read_only=True)
    slippage_bps = NumberField(max_digits=10, decimal_places=4, read_only=True)
    parameters = serializers.DictField(child=serializers.FloatField(), read_only=True)
    job_id = serializers.UUIDField(read_only=True, allow_null=True)
    status = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    simulated = serializers.SerializerMethodField()
    metrics = FiguresField(read_only=True, allow_null=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = Backtest
        fields: tuple[str, ...] = (
            "id",
            "formula_id",
            "formula_version",
            "symbol",
            "resolution",
            "initial_capital",
            "fee_bps",
            "slippage_bps",
            "parameters",
            "job_id",
            "status",
            "error",
            "simulated",
            "metrics",
            "created_at",
        )

    def get_fields(self) -> dict[str, Any]:
        start = EpochField(source="since", read_only=True, allow_null=True)
        end = EpochField(source="until", read_only=True, allow_null=True)
        return {**super().get_fields(), "from": start, "to": end}

    @extend_schema_field(serializers.ChoiceField(choices=JobStatus.choices))
    def get_status(self, row: Backtest) -> str:
        if row.job is not None:
            return row.job.status
        return JobStatus.FAILED if row.metrics is None else JobStatus.SUCCEEDED

    def get_error(self, row: Backtest) -> str:
        return "" if row.job is None else row.job.error

    def get_simulated(self, row: Backtest) -> bool:
        """True: no order was ever placed."""
        return True


class BacktestPointSerializer(serializers.Serializer[Any]):
    """The account at the close of a bar; `bar_time` is its opening, `drawdown` a share of 0 or below."""

    bar_time = serializers.DateTimeField()
    equity = serializers.FloatField(allow_null=True)
    drawdown = serializers.FloatField(allow_null=True)
    buy_and_hold = serializers.FloatField(allow_null=True)


class BacktestTradeSerializer(serializers.Serializer[Any]):
    """One position; what ends it is null while it is open."""

    side = serializers.ChoiceField(choices=["long", "short"])
    entry_time = serializers.DateTimeField()
    exit_time = serializers.DateTimeField(allow_null=True)
    entry_price = serializers.FloatField()
    exit_price = serializers.FloatField(allow_null=True)
    size = serializers.FloatField()
    pnl = serializers.FloatField()
    fees = serializers.FloatField()
    ending = serializers.CharField(allow_null=True)


class BacktestDetailSerializer(BacktestSerializer):
    """A backtest with all that came of it; null or empty until it has succeeded."""

    in_sample = FiguresField(source="outcome.in_sample", default=None, read_only=True, allow_null=True)
    out_of_sample = FiguresField(source="outcome.out_of_sample", default=None, read_only=True, allow_null=True)
    assumptions = serializers.JSONField(source="outcome.assumptions", default=None, read_only=True)
    refused = serializers.IntegerField(source="outcome.refused", default=None, read_only=True, allow_null=True)
    equity_curve = serializers.SerializerMethodField()
    trades = serializers.SerializerMethodField()
    trades_left_out = serializers.IntegerField(source="outcome.trades_left_out", default=0, read_only=True)

    class Meta(BacktestSerializer.Meta):
        fields = (
            *BacktestSerializer.Meta.fields,
            "in_sample",
            "out_of_sample",
            "assumptions",
            "refused",
            "equity_curve",
            "trades",
            "trades_left_out",
        )

    @extend_schema_field(BacktestPointSerializer(many=True))
    def get_equity_curve(self, row: Backtest) -> list[dict[str, Any]]:
        points = (row.outcome or {}).get("curve", [])
        names = ("equity", "drawdown", "buy_and_hold")
        return [{"bar_time": moment_of(time), **dict(zip(names, rest, strict=True))} for time, *rest in points]

    @extend_schema_field(BacktestTradeSerializer(many=True))
    def get_trades(self, row: Backtest) -> list[dict[str, Any]]:
        return trades_of(row)


def trades_of(row: Backtest) -> list[dict[str, Any]]:
    """The trades with their times in ISO 8601, in order of entry."""
    return [
        {name: _shown(name, trade[name]) for name in TRADE_COLUMNS} for trade in (row.outcome or {}).get("trades", [])
    ]


def _shown(name: str, value: Any) -> Any:
    return moment_of(value) if name.endswith("_time") and value is not None else value
