"""How publications and their live records are asked for and shown."""

from typing import Any

from rest_framework import serializers

from formulas.api.backtest_shapes import EpochField, FiguresField
from formulas.models import Publication
from formulas.services.publications import LEAST_BPS, MOST_PUBLISHED
from kernel.api.fields import MomentField, NumberField


class CostsSerializer(serializers.Serializer[Any]):
    """What each side of a trade costs, in basis points of the notional."""

    fee_bps = NumberField(max_digits=8, decimal_places=4, min_value=LEAST_BPS, max_value=1_000, required=False)
    slippage_bps = NumberField(max_digits=8, decimal_places=4, min_value=LEAST_BPS, max_value=1_000, required=False)


class PublishSerializer(serializers.Serializer[Any]):
    """The universe, the resolution and the costs that the record is to be kept on."""

    symbols = serializers.ListField(child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_PUBLISHED)
    resolution = serializers.CharField(max_length=8)
    costs = CostsSerializer(required=False)


class CloneSerializer(serializers.Serializer[Any]):
    """Who was the first to publish the same calculation."""

    formula_id = serializers.IntegerField()
    author = serializers.CharField(source="formula.author.username")


class PublicationSerializer(serializers.ModelSerializer[Publication]):
    """A version on record: days count that begin at `published_at` or later, until `ended_at`."""

    version = serializers.IntegerField(source="version.number", read_only=True)
    symbols = serializers.SerializerMethodField()
    deployment_ids = serializers.SerializerMethodField()
    costs = CostsSerializer(source="*", read_only=True)
    published_at = EpochField(read_only=True)
    ended_at = MomentField(read_only=True, allow_null=True)
    verified = serializers.BooleanField(source="is_verified", read_only=True)
    clone_of = CloneSerializer(source="original", read_only=True, allow_null=True)

    class Meta:
        model = Publication
        fields = (
            "id",
            "formula_id",
            "version",
            "version_hash",
            "symbols",
            "resolution",
            "costs",
            "published_at",
            "ended_at",
            "verified",
            "clone_of",
            "deployment_ids",
            "head",
        )

    def get_symbols(self, row: Publication) -> list[str]:
        return [symbol.instrument.symbol for symbol in row.symbols.all()]

    def get_deployment_ids(self, row: Publication) -> list[int]:
        return [symbol.deployment_id for symbol in row.symbols.all()]


class RecordSummarySerializer(serializers.Serializer[Any]):
    """What the days come to; null while there is none."""

    days = serializers.IntegerField()
    trades = serializers.IntegerField()
    total_return = serializers.FloatField(allow_null=True)
    market_return = serializers.FloatField(allow_null=True)
    max_drawdown = serializers.FloatField(allow_null=True)


class RecordDaySerializer(serializers.Serializer[Any]):
    """A day of the record, linked by `hash` to the one before; `equity` and `market` were 1 at publication."""

    day = EpochField()
    net_return = serializers.FloatField()
    exposure = serializers.FloatField()
    market_return = serializers.FloatField()
    closed_trades = serializers.IntegerField()
    equity = serializers.FloatField()
    market = serializers.FloatField()
    hash = serializers.CharField()


class EarlierSerializer(serializers.Serializer[Any]):
    """A publication that has ended."""

    publication = PublicationSerializer()
    summary = RecordSummarySerializer()


class PerformanceSerializer(serializers.Serializer[Any]):
    """The live record of a formula; `publication` is null before the first."""

    formula_id = serializers.IntegerField()
    score = serializers.FloatField(allow_null=True)
    provisional_score = serializers.FloatField(allow_null=True)
    score_parts = FiguresField()
    trials = serializers.IntegerField()
    publication = PublicationSerializer(allow_null=True)
    summary = RecordSummarySerializer()
    days = RecordDaySerializer(many=True)
    earlier = EarlierSerializer(many=True)


class RecordEntrySerializer(serializers.Serializer[Any]):
    """A day as it is linked; `day` in epoch seconds UTC."""

    day = serializers.IntegerField()
    net_return = serializers.FloatField()
    exposure = serializers.FloatField()
    market_return = serializers.FloatField()
    closed_trades = serializers.IntegerField()
    hash = serializers.CharField()


class RecordSerializer(serializers.Serializer[Any]):
    """A live record as the engine's `score` reads it."""

    formula_id = serializers.IntegerField()
    version = serializers.IntegerField()
    program_hash = serializers.CharField()
    version_hash = serializers.CharField()
    published_at = serializers.IntegerField()
    symbols = serializers.ListField(child=serializers.CharField())
    resolution = serializers.CharField()
    costs = CostsSerializer()
    verified = serializers.BooleanField()
    versions = serializers.IntegerField()
    head = serializers.CharField()
    days = RecordEntrySerializer(many=True)
