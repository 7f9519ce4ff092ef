"""The shapes of the classic datafeed: what its clients read, and how the API document describes them."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from datafeed.api import shapes
from datafeed.api.serializers import ConfigSerializer, QuoteSerializer, ResolvedSerializer, SearchResultSerializer
from datafeed.marks import Mark
from datafeed.models import Gap, Instrument
from datafeed.selectors import hours_of, sources
from datafeed.sessions import exceptions_of
from kernel import clock
from kernel.api.schema import ProblemAwareSchema

LIBRARY_ZONES = {
    **dict.fromkeys(("UTC", "GMT", "Etc/GMT", "Etc/UCT", "Zulu", "Universal"), "Etc/UTC"),
    "US/Eastern": "America/New_York",
    "US/Central": "America/Chicago",
    "US/Pacific": "America/Los_Angeles",
    "Asia/Calcutta": "Asia/Kolkata",
    "GB": "Europe/London",
    "Japan": "Asia/Tokyo",
    "Hongkong": "Asia/Hong_Kong",
    "Singapore": "Asia/Singapore",
}
"""Names of time zones that charting libraries know under another."""

REGULAR = "regular"
"""The one part of the day that we have bars of."""


def config() -> dict[str, Any]:
    return {
        **shapes.config(),
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": True,
        "supports_time": True,
    }


def symbol(instrument: Instrument) -> dict[str, Any]:
    """What a chart must know, with the hours that the instrument's own bars keep: the finest it has."""
    info = shapes.resolved(instrument)
    found = sources(instrument)
    if found:
        hours = hours_of(next(iter(found.values())))
        info["session"], info["timezone"] = hours.session, hours.timezone
        info["session_holidays"], info["corrections"] = exceptions_of(hours)
    info["timezone"] = LIBRARY_ZONES.get(info["timezone"], info["timezone"])
    info["original_currency_code"] = info["currency_code"]
    regular = {"id": REGULAR, "description": "Regular hours", "session": info["session"]}
    return {**info, "subsession_id": REGULAR, "subsessions": [{**regular, "session-correction": info["corrections"]}]}


def search_result(instrument: Instrument) -> dict[str, Any]:
    return {**shapes.search_result(instrument), "full_name": f"{instrument.exchange}:{instrument.symbol}"}


_COLUMNS = {
    "symbol": "name",
    "ticker": "ticker",
    "description": "description",
    "type": "type",
    "exchange-listed": "listed_exchange",
    "exchange-traded": "exchange",
    "timezone": "timezone",
    "session-regular": "session",
    "session-holidays": "session_holidays",
    "corrections": "corrections",
    "minmovement": "minmov",
    "pricescale": "pricescale",
    "has-intraday": "has_intraday",
    "intraday-multipliers": "intraday_multipliers",
    "has-daily": "has_daily",
    "has-weekly-and-monthly": "has_weekly_and_monthly",
    "supported-resolutions": "supported_resolutions",
    "volume-precision": "volume_precision",
    "currency-code": "currency_code",
}


def symbol_table(instruments: Iterable[Instrument]) -> dict[str, list[Any]]:
    """Many symbols at once: a column for each fact, a row for each symbol."""
    rows = [symbol(instrument) for instrument in instruments]
    return {column: [row[name] for row in rows] for column, name in _COLUMNS.items()}


def mark(opened_at: int, said: Mark) -> dict[str, Any]:
    return {
        "id": said.id,
        "time": opened_at,
        "color": said.color,
        "text": said.text,
        "label": said.label,
        "labelFontColor": "white",
        "minSize": 14,
    }


def gap_mark(opened_at: int, gap: Gap) -> dict[str, Any]:
    first = clock.from_epoch(gap.since)
    return {
        "id": f"gap-{gap.pk}",
        "time": opened_at,
        "color": "yellow",
        "label": "!",
        "tooltip": [f"Bars are missing from {first:%Y-%m-%d %H:%M} UTC on."],
    }


class ClassicSchema(ProblemAwareSchema):
    """The API document's words for these paths, whose errors are not problems."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation:
            body = {
                "type": "object",
                "required": ["s", "errmsg"],
                "properties": {"s": {"type": "string", "enum": ["error"]}, "errmsg": {"type": "string"}},
            }
            operation["responses"]["default"] = {
                "description": "An error.",
                "content": {"application/json": {"schema": body}},
            }
        return operation


class ClassicConfigSerializer(ConfigSerializer):
    supports_search = serializers.BooleanField()
    supports_group_request = serializers.BooleanField()


class ClassicSearchResultSerializer(SearchResultSerializer):
    full_name = serializers.CharField()


class SubsessionSerializer(serializers.Serializer[Any]):
    """A part of the trading day that can be charted by itself."""

    id = serializers.CharField(help_text="regular")
    description = serializers.CharField()
    session = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "session-correction": serializers.CharField()}


class ClassicSymbolSerializer(ResolvedSerializer):
    original_currency_code = serializers.CharField()
    subsession_id = serializers.CharField(help_text="the one that `session` says")
    subsessions = SubsessionSerializer(many=True)


class HistorySerializer(serializers.Serializer[Any]):
    s = serializers.ChoiceField(choices=["ok", "no_data"])
    t = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="epoch seconds UTC")
    o = serializers.ListField(child=serializers.FloatField(), required=False)
    h = serializers.ListField(child=serializers.FloatField(), required=False)
    l = serializers.ListField(child=serializers.FloatField(), required=False)  # noqa: E741  the documented name
    c = serializers.ListField(child=serializers.FloatField(), required=False)
    v = serializers.ListField(child=serializers.FloatField(), required=False)
    nextTime = serializers.IntegerField(  # noqa: N815  the documented name
        required=False, help_text="of an empty window without a count: the closest earlier bar, epoch seconds"
    )


class MarkSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    time = serializers.IntegerField(help_text="stamp of the bar, epoch seconds UTC")
    color = serializers.CharField()
    text = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the documented name of a field
    labelFontColor = serializers.CharField()  # noqa: N815  the documented name
    minSize = serializers.IntegerField()  # noqa: N815  the documented name


class TimescaleMarkSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    time = serializers.IntegerField(help_text="stamp of the bar, epoch seconds UTC")
    color = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the documented name of a field
    tooltip = serializers.ListField(child=serializers.CharField())


class ClassicQuotesSerializer(serializers.Serializer[Any]):
    s = serializers.ChoiceField(choices=["ok"])
    d = QuoteSerializer(many=True)
