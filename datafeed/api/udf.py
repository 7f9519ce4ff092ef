"""The classic datafeed over GET, as charting libraries and their adapters ask: times in epoch seconds, bars in columns.

Errors have the body `{"s": "error", "errmsg": …}`: see `datafeed.middleware`.
"""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from datafeed.api import pages
from datafeed.api import udf_shapes as shapes
from datafeed.api.datafeed import MOST_RESULTS, MarketDataView, query_parameter, searched
from datafeed.api.parameters import BarsQuery, history_query
from datafeed.models import Instrument
from datafeed.selectors import check_served, search_instruments
from datafeed.selectors.charts import placed_gaps, placed_marks
from datafeed.selectors.quotes import quotes_of
from kernel import clock
from kernel.errors import Invalid

USUAL_RESULTS = 30
MOST_QUOTES = 100
MOST_TEXT = 8_000

_SYMBOL = query_parameter("symbol", "a symbol, or EXCHANGE:SYMBOL, in any case", required=True)
_AS_THEY_ARE = [
    query_parameter("currencyCode", "the symbol's own currency; another is refused, as prices are not converted"),
    query_parameter("unitId", "refused, as units are not converted"),
]
_WINDOW = [
    _SYMBOL,
    query_parameter("resolution", "one of the symbol's resolutions; `D` is `1D`", required=True),
    query_parameter("from", "inclusive; epoch seconds", whole=True),
    query_parameter("to", "exclusive; epoch seconds", whole=True),
]


class ClassicView(MarketDataView):
    schema = shapes.ClassicSchema()


class ClassicConfigView(ClassicView):
    @extend_schema(operation_id="udf_config", responses=shapes.ClassicConfigSerializer)
    def get(self, request: Request) -> Response:
        """What the datafeed serves."""
        return Response(shapes.config())


class ClassicSymbolsView(ClassicView):
    @extend_schema(
        operation_id="udf_symbols", parameters=[_SYMBOL, *_AS_THEY_ARE], responses=shapes.ClassicSymbolSerializer
    )
    def get(self, request: Request) -> Response:
        """What a chart must know of one symbol."""
        instrument = pages.listed(_required(request, "symbol"))
        pages.refuse_conversion(request.query_params, instrument)
        return Response(shapes.symbol(instrument))


class ClassicSymbolInfoView(ClassicView):
    @extend_schema(
        operation_id="udf_symbol_info",
        parameters=[query_parameter("group", "an exchange", required=True)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """Every symbol of an exchange as a table: one list for each fact."""
        instruments = search_instruments("", exchange=_required(request, "group"))[:MOST_RESULTS]
        if not instruments:
            raise NotFound("There is no such group.")
        return Response(shapes.symbol_table(instruments))


class ClassicSearchView(ClassicView):
    @extend_schema(
        operation_id="udf_search",
        parameters=[
            query_parameter("query", "part of a symbol or name, in any case; empty for all"),
            query_parameter("type", "one type; empty for all"),
            query_parameter("exchange", "one exchange; empty for all"),
            query_parameter("limit", f"at most so many, {USUAL_RESULTS} where unsaid", whole=True),
        ],
        responses=shapes.ClassicSearchResultSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The instruments whose symbol or name holds the text."""
        text = request.query_params.get("query", "")
        found = searched(request, text, text_in="query", kind_in="type", most_in="limit", usual=USUAL_RESULTS)
        return Response([shapes.search_result(instrument) for instrument in found])


class ClassicHistoryView(ClassicView):
    @extend_schema(
        operation_id="udf_history",
        parameters=[
            *_WINDOW,
            query_parameter("countback", "so many bars before `to`, whatever `from` says", whole=True),
            *_AS_THEY_ARE,
        ],
        responses=shapes.HistorySerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        """Bars in ascending order, the one that is still forming included; at most 5,000, the oldest left out."""
        return HttpResponse(pages.history(request.query_params), content_type="application/json")


class ClassicMarksView(ClassicView):
    @extend_schema(operation_id="udf_marks", parameters=_WINDOW, responses=shapes.MarkSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The signals one may see, on the bars they were given on; at most ten on a bar, the newest of them."""
        query = history_query(request.query_params)
        instrument, resolution = _asked(query)
        found = placed_marks(request.user, instrument, resolution, since=query.since, until=query.until)
        return Response([shapes.mark(opened_at, mark) for opened_at, mark in found])


class ClassicTimescaleMarksView(ClassicView):
    @extend_schema(
        operation_id="udf_timescale_marks", parameters=_WINDOW, responses=shapes.TimescaleMarkSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """The bars that came after a hole in the record."""
        query = history_query(request.query_params)
        instrument, resolution = _asked(query)
        found = placed_gaps(instrument, resolution, since=query.since, until=query.until)
        return Response([shapes.gap_mark(opened_at, gap) for opened_at, gap in found])


class ClassicTimeView(ClassicView):
    @extend_schema(operation_id="udf_time", responses=OpenApiTypes.INT64)
    def get(self, request: Request) -> Response:
        """The server's time in epoch seconds, as a bare number."""
        return Response(int(clock.now().timestamp()))


class ClassicQuotesView(ClassicView):
    @extend_schema(
        operation_id="udf_quotes",
        parameters=[query_parameter("symbols", "symbols, with commas between them", required=True)],
        responses=shapes.ClassicQuotesSerializer,
    )
    def get(self, request: Request) -> Response:
        """The present quote of each symbol; an unknown one is an entry with `s: error`."""
        text = request.query_params.get("symbols", "")
        symbols = text.split(",")
        if not text or len(text) > MOST_TEXT or len(symbols) > MOST_QUOTES:
            raise Invalid.field("symbols", f"1 to {MOST_QUOTES} symbols are allowed, with commas between them.")
        return Response({"s": "ok", "d": quotes_of(symbols)})


def _required(request: Request, name: str) -> str:
    text = request.query_params.get(name, "")
    if not text:
        raise Invalid.field(name, "This parameter is required.")
    return text


def _asked(query: BarsQuery) -> tuple[Instrument, str]:
    instrument = pages.listed(query.symbol)
    return instrument, check_served(instrument, query.resolution)
