"""What the datafeed and the instruments look like over REST."""

from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from datafeed.models import Instrument, InstrumentType
from kernel.api.fields import NumberField


class InstrumentSerializer(serializers.ModelSerializer[Instrument]):
    """An instrument; its symbol and currency are kept in capitals."""

    price_increment = NumberField(default="0.01", min_value=0)
    lot_size = NumberField(default="1", min_value=0)
    type = serializers.ChoiceField(choices=InstrumentType.choices, default=InstrumentType.STOCK)

    class Meta:
        model = Instrument
        fields = [
            "id",
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
        ]
        extra_kwargs = {
            "symbol": {
                "validators": [UniqueValidator(Instrument.objects.all(), "There is one already.", lookup="iexact")]
            },
            "currency": {"validators": []},
        }


class ConfigChoice(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField(allow_blank=True)


class ExchangeChoice(ConfigChoice):
    desc = serializers.CharField()


class ConfigSerializer(serializers.Serializer[Any]):
    supported_resolutions = serializers.ListField(child=serializers.CharField())
    supports_marks = serializers.BooleanField()
    supports_timescale_marks = serializers.BooleanField()
    supports_time = serializers.BooleanField()
    exchanges = ExchangeChoice(many=True)
    symbols_types = ConfigChoice(many=True)


class SearchResultSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    description = serializers.CharField()
    exchange = serializers.CharField()
    ticker = serializers.CharField()
    type = serializers.CharField()


class SourceSerializer(serializers.Serializer[Any]):
    """Where the bars of one resolution come from; `base` is the resolution they are built from."""

    base = serializers.CharField()
    provider = serializers.CharField()
    provider_label = serializers.CharField()
    attribution = serializers.CharField(allow_blank=True)
    is_simulated = serializers.BooleanField()
    session = serializers.CharField()
    timezone = serializers.CharField()


class ResolvedSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    ticker = serializers.CharField()
    description = serializers.CharField()
    type = serializers.CharField()
    session = serializers.CharField()
    timezone = serializers.CharField()
    session_holidays = serializers.CharField(help_text="days the exchange is closed, YYYYMMDD with commas between")
    corrections = serializers.CharField(help_text="other hours on some days: `session:days`, semicolons between")
    exchange = serializers.CharField()
    listed_exchange = serializers.CharField()
    currency_code = serializers.CharField()
    format = serializers.CharField()
    pricescale = serializers.IntegerField()
    minmov = serializers.IntegerField()
    has_intraday = serializers.BooleanField()
    intraday_multipliers = serializers.ListField(child=serializers.CharField())
    has_daily = serializers.BooleanField()
    has_weekly_and_monthly = serializers.BooleanField()
    supported_resolutions = serializers.ListField(child=serializers.CharField())
    volume_precision = serializers.IntegerField()
    data_status = serializers.CharField()
    provider = serializers.CharField(allow_null=True)
    provider_label = serializers.CharField(allow_null=True)
    is_simulated = serializers.BooleanField()
    sources = serializers.DictField(child=SourceSerializer())


class BarSerializer(serializers.Serializer[Any]):
    time = serializers.IntegerField(help_text="epoch milliseconds UTC")
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.FloatField()


class BarsSerializer(serializers.Serializer[Any]):
    bars = BarSerializer(many=True)
    no_data = serializers.BooleanField(help_text="nothing is left to ask for in this direction")
    next_time = serializers.IntegerField(
        required=False, help_text="where nothing was found: the time of the closest earlier bar, epoch milliseconds"
    )


class QuotesRequestSerializer(serializers.Serializer[Any]):
    symbols = serializers.ListField(child=serializers.CharField(max_length=60), max_length=100)


class QuoteSerializer(serializers.Serializer[Any]):
    s = serializers.ChoiceField(choices=["ok", "error"])
    n = serializers.CharField()
    v = serializers.DictField()


class BroadcasterSerializer(serializers.Serializer[Any]):
    is_running = serializers.BooleanField()
    interval = serializers.FloatField()
    symbols = serializers.ListField(child=serializers.CharField())
    resolutions = serializers.ListField(child=serializers.CharField())
    broadcasts_sent = serializers.IntegerField()
    broadcasts_skipped = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # the documented name of a field


class FeedProviderSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    attribution = serializers.CharField()
    is_simulated = serializers.BooleanField()
    series = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["ok", "error"])
    detail = serializers.CharField()
    restarts = serializers.IntegerField(help_text="how often it was started again because it had fallen silent")
    put_aside = serializers.IntegerField(help_text="how many things it sent made no sense and were left out")


class GapSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    resolution = serializers.CharField()
    since = serializers.IntegerField(help_text="stamp of the first bar missing, epoch seconds UTC")
    until = serializers.IntegerField(help_text="stamp of the bar after the hole, epoch seconds UTC")
    reason = serializers.CharField()


class GapsSerializer(serializers.Serializer[Any]):
    open = serializers.IntegerField()
    filled = serializers.IntegerField()
    newest = GapSerializer(many=True)


class FeedHealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok", "degraded"])
    message = serializers.CharField()
    symbols_loaded = serializers.IntegerField()
    bars_count = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    broadcaster = BroadcasterSerializer()
    providers = FeedProviderSerializer(many=True)
    gaps = GapsSerializer()
