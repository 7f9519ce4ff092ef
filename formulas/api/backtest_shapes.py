"""How backtests are asked for and shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from formulas.backtests import MOST_SYMBOLS, Choice
from formulas.models import Backtest, Simulation
from formulas.outcomes import TRADE_COLUMNS
from kernel import clock
from kernel.api.fields import MomentField, NumberField
from kernel.models import JobStatus

POINT_COLUMNS = ("bar_time", "equity", "drawdown", "buy_and_hold")


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


class FigureField(serializers.FloatField):
    """A figure; what was counted stays a whole number."""

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, int) else super().to_representation(value)


class FiguresField(serializers.DictField):
    """Figures by name; null is one without an answer."""

    child = FigureField(allow_null=True)


SHOWN_ALIKE = (
    "id",
    "formula_id",
    "formula_version",
    "symbol",
    "resolution",
    "initial_capital",
    "fee_bps",
    "slippage_bps",
    "job_id",
    "status",
    "error",
    "simulated",
    "created_at",
)


class SimulationSerializer(serializers.ModelSerializer[Any]):
    """What backtests and sweeps show alike; `status` is that of the job."""

    formula_version = serializers.IntegerField(source="version.number", read_only=True)
    symbol = serializers.CharField(source="instrument.symbol", read_only=True)
    initial_capital = NumberField(read_only=True)
    fee_bps = NumberField(max_digits=10, decimal_places=4, read_only=True)
    slippage_bps = NumberField(max_digits=10, decimal_places=4, read_only=True)
    job_id = serializers.UUIDField(read_only=True, allow_null=True)
    status = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    simulated = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)

    class Meta:
        model: type[Simulation]
        fields: tuple[str, ...] = SHOWN_ALIKE

    def get_fields(self) -> dict[str, Any]:
        start = EpochField(source="since", read_only=True, allow_null=True)
        end = EpochField(source="until", read_only=True, allow_null=True)
        return {**super().get_fields(), "from": start, "to": end}

    @extend_schema_field(serializers.ChoiceField(choices=JobStatus.choices))
    def get_status(self, row: Any) -> str:
        if row.job is not None:
            return str(row.job.status)
        return JobStatus.SUCCEEDED if self.is_done(row) else JobStatus.FAILED

    def is_done(self, row: Any) -> bool:
        """Whether there is a result, where the job is not known any more."""
        raise TypeError(f"{type(self).__name__} does not say when it is done")

    def get_error(self, row: Any) -> str:
        return "" if row.job is None else row.job.error

    def get_simulated(self, row: Any) -> bool:
        """True: no order was ever placed."""
        return True


class BacktestSerializer(SimulationSerializer):
    """A backtest in a list; `metrics` are null until its job has succeeded.

    `trials` counts what its owner has tried on these bars, this one among it; `deflated_sharpe` is how probable it is
    that it is better than the best of as many without skill.
    """

    parameters = serializers.DictField(child=serializers.FloatField(), read_only=True)
    metrics = FiguresField(read_only=True, allow_null=True)

    class Meta:
        model = Backtest
        fields: tuple[str, ...] = (*SHOWN_ALIKE, "parameters", "metrics", "trials", "deflated_sharpe")
        read_only_fields = ("trials", "deflated_sharpe")

    def is_done(self, row: Backtest) -> bool:
        return row.metrics is not None


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


class StressSerializer(serializers.Serializer[Any]):
    """The metrics with fees and slippage doubled, and with every decision filled a bar later."""

    double_costs = FiguresField()
    late_fills = FiguresField()


class MonteCarloSerializer(serializers.Serializer[Any]):
    """The closed trades drawn again and again: percentiles 5, 50 and 95, and how often money was lost."""

    runs = serializers.IntegerField()
    total_return = serializers.ListField(child=serializers.FloatField(allow_null=True))
    max_drawdown = serializers.ListField(child=serializers.FloatField(allow_null=True))
    loss_probability = serializers.FloatField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """Several backtests side by side: of each metric the values in the order of `backtests`."""

    backtests = BacktestSerializer(many=True)
    metrics = serializers.DictField(child=serializers.ListField(child=serializers.FloatField(allow_null=True)))


class BacktestDetailSerializer(BacktestSerializer):
    """A backtest with all that came of it; null or empty until it has succeeded."""

    in_sample = FiguresField(source="outcome.in_sample", default=None, read_only=True, allow_null=True)
    out_of_sample = FiguresField(source="outcome.out_of_sample", default=None, read_only=True, allow_null=True)
    assumptions = serializers.JSONField(source="outcome.assumptions", default=None, read_only=True)
    stress = StressSerializer(source="outcome.stress", default=None, read_only=True, allow_null=True)
    monte_carlo = MonteCarloSerializer(source="outcome.monte_carlo", default=None, read_only=True, allow_null=True)
    refused = serializers.IntegerField(source="outcome.refused", default=None, read_only=True, allow_null=True)
    equity_curve = serializers.SerializerMethodField()
    trades = serializers.SerializerMethodField()
    trades_left_out = serializers.IntegerField(source="outcome.trades_left_out", default=0, read_only=True)

    class Meta(BacktestSerializer.Meta):
        fields = (
            *BacktestSerializer.Meta.fields,
            "in_sample",
            "out_of_sample",
            "stress",
            "monte_carlo",
            "assumptions",
            "refused",
            "equity_curve",
            "trades",
            "trades_left_out",
        )

    @extend_schema_field(BacktestPointSerializer(many=True))
    def get_equity_curve(self, row: Backtest) -> list[dict[str, Any]]:
        return curve_of(row)

    @extend_schema_field(BacktestTradeSerializer(many=True))
    def get_trades(self, row: Backtest) -> list[dict[str, Any]]:
        return trades_of(row)


def curve_of(row: Backtest) -> list[dict[str, Any]]:
    """The points of the equity curve with their times in ISO 8601."""
    points = (row.outcome or {}).get("curve", [])
    return [dict(zip(POINT_COLUMNS, (moment_of(time), *rest), strict=True)) for time, *rest in points]


def trades_of(row: Backtest) -> list[dict[str, Any]]:
    """The trades with their times in ISO 8601, in order of entry."""
    return [
        {name: _shown(name, trade[name]) for name in TRADE_COLUMNS} for trade in (row.outcome or {}).get("trades", [])
    ]


def _shown(name: str, value: Any) -> Any:
    return moment_of(value) if name.endswith("_time") and value is not None else value
