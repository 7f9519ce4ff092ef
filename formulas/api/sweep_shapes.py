"""How sweeps and walks forward are asked for and shown."""

import math
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from formulas.api.backtest_shapes import (
    SHOWN_ALIKE,
    BacktestWriteSerializer,
    EpochField,
    FiguresField,
    SimulationSerializer,
)
from formulas.engine.sweep import FOLDS, MOST_POINTS
from formulas.models import Sweep, SweepKind

MOST_FOLDS = 20
VALUES = {
    "oneOf": [
        {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": MOST_POINTS},
        {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("from", "to", "step")},
            "required": ["from", "to", "step"],
        },
    ]
}


@extend_schema_field(VALUES)
class ValuesField(serializers.Field[Any, Any, Any, Any]):
    """The values of a parameter: a list of numbers, or `{from, to, step}` with both ends."""

    default_error_messages = {
        "invalid": "A list of numbers, or an object with from, to and step, is needed.",
        "too_many": f"At most {MOST_POINTS} values are tried.",
    }

    def to_internal_value(self, data: Any) -> list[float]:
        values = self._range(data) if isinstance(data, dict) else data
        if not isinstance(values, list) or not values or not all(_is_number(value) for value in values):
            self.fail("invalid")
        if len(values) > MOST_POINTS:
            self.fail("too_many")
        return list(dict.fromkeys(float(value) for value in values))

    def _range(self, data: dict[str, Any]) -> list[float]:
        ends: list[Any] = [data.get(name) for name in ("from", "to", "step")]
        if set(data) != {"from", "to", "step"} or not all(_is_number(end) for end in ends):
            self.fail("invalid")
        first, last, step = ends
        if step <= 0 or last < first:
            self.fail("invalid")
        count = (last - first) / step * (1 + 1e-12) + 1
        if count > MOST_POINTS + 1:
            self.fail("too_many")
        return [first + step * place for place in range(int(count))]

    def to_representation(self, value: Any) -> Any:
        return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)


class SweepWriteSerializer(BacktestWriteSerializer):
    """What to sweep over: every combination of `parameters`, or `count` of them drawn with `seed`."""

    symbols = None  # type: ignore[assignment]  # a sweep is of one symbol
    symbol = serializers.CharField(max_length=64)
    parameters = serializers.DictField(child=ValuesField(), allow_empty=False)
    count = serializers.IntegerField(min_value=1, max_value=MOST_POINTS, required=False)
    seed = serializers.IntegerField(min_value=0, max_value=2**53, default=0)


class WalkForwardWriteSerializer(SweepWriteSerializer):
    """The same, chosen anew before each of `folds` parts of the time."""

    folds = serializers.IntegerField(min_value=1, max_value=MOST_FOLDS, default=FOLDS)


class SweepSerializer(SimulationSerializer):
    """A sweep in a list; `points` counts the combinations, `trials` all that its owner has tried on these bars."""

    points = serializers.SerializerMethodField()

    class Meta:
        model = Sweep
        fields: tuple[str, ...] = (*SHOWN_ALIKE, "kind", "points", "folds")
        read_only_fields = ("kind", "folds")

    def get_points(self, row: Sweep) -> int:
        return len(row.points)

    def is_done(self, row: Sweep) -> bool:
        return row.result is not None


class SweepPointSerializer(serializers.Serializer[Any]):
    """A combination and its metrics."""

    parameters = serializers.DictField(child=serializers.FloatField())
    metrics = FiguresField()


class FoldSerializer(serializers.Serializer[Any]):
    """The point that was best on all bars before `since`, then, and on the bars from there to before `until`."""

    since = EpochField()
    until = EpochField(allow_null=True)
    parameters = serializers.DictField(child=serializers.FloatField())
    in_sample = FiguresField()
    out_of_sample = FiguresField()


class SweepDetailSerializer(SweepSerializer):
    """A sweep with its result; null or empty until its job has succeeded.

    `results` are in the order of the points and `best` is the place of the one with the highest Sharpe ratio;
    `deflated_sharpe` is how probable it is that it beats the best of as many without skill, `overfitting` how often the
    best of one half of the time is below the median in the other. A walk forward has `fold_results` and `efficiency`.
    """

    best = serializers.IntegerField(source="result.best", default=None, read_only=True, allow_null=True)
    deflated_sharpe = serializers.FloatField(
        source="result.deflated_sharpe", default=None, read_only=True, allow_null=True
    )
    overfitting = serializers.FloatField(source="result.overfitting", default=None, read_only=True, allow_null=True)
    trials = serializers.IntegerField(source="result.trials", default=None, read_only=True, allow_null=True)
    efficiency = serializers.FloatField(source="result.efficiency", default=None, read_only=True, allow_null=True)
    bars = serializers.IntegerField(source="result.bars", default=None, read_only=True, allow_null=True)
    results = serializers.SerializerMethodField()
    fold_results = FoldSerializer(source="result.folds", many=True, default=(), read_only=True)

    class Meta(SweepSerializer.Meta):
        fields = (
            *SweepSerializer.Meta.fields,
            "best",
            "deflated_sharpe",
            "overfitting",
            "trials",
            "efficiency",
            "bars",
            "results",
            "fold_results",
        )

    @extend_schema_field(SweepPointSerializer(many=True))
    def get_results(self, row: Sweep) -> list[dict[str, Any]]:
        return results_of(row)


def results_of(row: Sweep) -> list[dict[str, Any]]:
    """Each point with its metrics, in order; none before the job has succeeded, nor for a walk forward."""
    if row.kind == SweepKind.WALK_FORWARD or row.result is None:
        return []
    pairs = zip(row.points, row.result["metrics"], strict=True)
    return [{"parameters": point, "metrics": metrics} for point, metrics in pairs]
