"""The datafeed for charting clients: configuration, search, symbols, bars, quotes, health."""

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datafeed.api import pages, serializers, shapes
from datafeed.api.parameters import spelled
from datafeed.api.permissions import MayReadMarketData
from datafeed.errors import SymbolNotFound, UnknownSymbol
from datafeed.models import Instrument
from datafeed.selectors import find_instrument, search_instruments
from datafeed.selectors.health import feed_health
from datafeed.selectors.quotes import quotes_of
from kernel.api.pagination import whole_number
from kernel.api.throttles import MARKET_DATA
from kernel.errors import Invalid

MOST_RESULTS, USUAL_RESULTS = 1_000, 50
LONGEST_SEARCH = 200


def query_parameter(name: str, description: str, *, whole: bool = False, required: bool = False) -> OpenApiParameter:
    kind = OpenApiTypes.INT64 if whole else OpenApiTypes.STR
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, required=required, description=description)


class MarketDataView(APIView):
    permission_classes = [MayReadMarketData]
    throttle_group = MARKET_DATA
    required_scope = "read"


def searched(
    request: Request, text: str, *, text_in: str, kind_in: str, most_in: str, usual: int
) -> QuerySet[Instrument]:
    """The instruments that a search finds, as its parameters are called at that door; refusals name them."""
    if len(text) > LONGEST_SEARCH:
        raise Invalid.field(text_in, f"At most {LONGEST_SEARCH} characters are looked for.")
    most = whole_number(request, most_in, default=usual, least=1, most=MOST_RESULTS)
    exchange, kind = (request.query_params.get(name, "") for name in ("exchange", kind_in))
    return search_instruments(text.strip(), exchange=exchange, kind=kind)[:most]


class ConfigView(MarketDataView):
    @extend_schema(operation_id="datafeed_config", responses=serializers.ConfigSerializer)
    def get(self, request: Request) -> Response:
        """What the datafeed serves, in the terms of a charting library."""
        return Response(shapes.config())


class SearchView(MarketDataView):
    @extend_schema(
        operation_id="datafeed_search",
        parameters=[
            query_parameter("user_input", "part of a symbol or name, in any case; may be empty (also `query`)"),
            query_parameter("exchange", "one exchange; empty for all"),
            query_parameter("symbol_type", "one type; empty for all"),
            query_parameter("max_results", f"at most so many, {USUAL_RESULTS} where unsaid", whole=True),
        ],
        responses=serializers.SearchResultSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The instruments whose symbol or name holds the text."""
        text = spelled(request.query_params, "user_input", "query")
        if text is None:
            raise Invalid.field("user_input", "This parameter is required; it may be empty.")
        found = searched(
            request, text, text_in="user_input", kind_in="symbol_type", most_in="max_results", usual=USUAL_RESULTS
        )
        return Response([shapes.search_result(instrument) for instrument in found])


class ResolveView(MarketDataView):
    @extend_schema(operation_id="datafeed_resolve", responses=serializers.ResolvedSerializer)
    def get(self, request: Request, symbol: str) -> Response:
        """What a chart must know of one symbol."""
        try:
            instrument = find_instrument(symbol)
        except UnknownSymbol:
            raise SymbolNotFound from None
        return Response(shapes.resolved(instrument))


class BarsView(MarketDataView):
    @extend_schema(
        operation_id="datafeed_bars",
        parameters=[
            query_parameter("symbol", "a symbol, in any case", required=True),
            query_parameter("resolution", "one of the symbol's resolutions; `D` is `1D`", required=True),
            query_parameter("from_time", "inclusive; epoch seconds, or milliseconds (also `from`)", whole=True),
            query_parameter("to_time", "exclusive; epoch seconds, or milliseconds (also `to`)", whole=True),
            query_parameter(
                "count_back", "so many bars before `to_time`, whatever `from_time` says (also `countback`)", whole=True
            ),
        ],
        responses=serializers.BarsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        """Bars in ascending order, the one that is still forming included; at most 5,000, the oldest left out."""
        return HttpResponse(pages.bars(request.query_params), content_type="application/json")


class QuotesView(MarketDataView):
    @extend_schema(
        operation_id="datafeed_quotes",
        request=serializers.QuotesRequestSerializer,
        responses=serializers.QuoteSerializer(many=True),
    )
    def post(self, request: Request) -> Response:
        """The present quote of each symbol; an unknown one is an entry with `s: error`."""
        asked = serializers.QuotesRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(quotes_of(asked.validated_data["symbols"]))


class HealthView(MarketDataView):
    @extend_schema(operation_id="datafeed_health", responses=serializers.FeedHealthSerializer)
    def get(self, request: Request) -> Response:
        """How the feed goes: what it has, what it sends, and what each provider says."""
        return Response(feed_health())
