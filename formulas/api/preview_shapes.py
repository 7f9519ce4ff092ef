"""How a formula is tried on bars without keeping it, and what comes of it."""

from typing import Any

from rest_framework import serializers

from formulas.api.backtest_shapes import EpochField
from formulas.api.serializers import LONGEST_CODE, ReasonSerializer
from formulas.models import Side
from formulas.preview import MOST_BARS


class PreviewWriteSerializer(serializers.Serializer[Any]):
    """Code to be tried on the newest bars of an instrument."""

    formula_code = serializers.CharField(max_length=LONGEST_CODE, trim_whitespace=False)
    symbol = serializers.CharField(max_length=64)
    resolution = serializers.CharField(max_length=8)
    bars = serializers.IntegerField(min_value=1, max_value=MOST_BARS, default=300)
    parameters = serializers.DictField(child=serializers.FloatField(), required=False)


class LineSerializer(serializers.Serializer[Any]):
    """A calculation of a formula with its value on each bar."""

    name = serializers.CharField()
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))


class PreviewSignalSerializer(serializers.Serializer[Any]):
    """A signal that the code would have given."""

    bar_time = EpochField()
    side = serializers.ChoiceField(choices=Side.choices)
    action = serializers.CharField()
    price = serializers.FloatField()
    reason = ReasonSerializer(many=True)


class PreviewSerializer(serializers.Serializer[Any]):
    """Lines and signals over the bars that opened at `bar_times`, oldest first; simulated."""

    symbol = serializers.CharField()
    resolution = serializers.CharField()
    warmup_bars = serializers.IntegerField()
    bar_times = serializers.ListField(child=EpochField())
    lines = LineSerializer(many=True)
    signals = PreviewSignalSerializer(many=True)
