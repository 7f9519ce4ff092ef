"""The doors to positions and to a portfolio as a whole."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from datafeed.selectors import find_instrument
from formulas.selectors import get_formula
from kernel.api.idempotency import idempotent
from portfolio import selectors, services
from portfolio.api import serializers as shapes
from portfolio.api.parameters import history_query
from portfolio.models import Position

_HISTORY = [
    OpenApiParameter("from", OpenApiTypes.STR, description="first day, ISO 8601"),
    OpenApiParameter("to", OpenApiTypes.STR, description="last day, ISO 8601; today where unsaid"),
    OpenApiParameter("days", OpenApiTypes.INT, description="in place of `from`: how many days up to the last"),
    OpenApiParameter("interval", OpenApiTypes.STR, enum=list(selectors.Interval)),
]


class PortfolioViewSet(viewsets.GenericViewSet[Position]):
    """What the caller holds."""

    serializer_class = shapes.PositionSerializer
    queryset = Position.objects.none()

    def get_queryset(self) -> QuerySet[Position]:
        return selectors.open_positions(self.request.user)

    @extend_schema(responses=shapes.PositionSerializer(many=True))
    @action(detail=False)
    def current(self, request: Request) -> Response:
        """The open positions, newest first, at the last prices."""
        page = selectors.value_positions(cast(Any, self.paginate_queryset(self.get_queryset())))
        return self.get_paginated_response(cast(Any, shapes.PositionSerializer(cast(Any, page), many=True).data))

    @extend_schema(responses=shapes.StatsSerializer)
    @action(detail=False, pagination_class=None)
    def stats(self, request: Request) -> Response:
        """The whole of what is held and has been earned."""
        return Response(shapes.StatsSerializer(selectors.portfolio_stats(request.user)).data)

    @extend_schema(parameters=_HISTORY, responses=shapes.PointSerializer(many=True))
    @action(detail=False)
    def history(self, request: Request) -> Response:
        """What the portfolio was worth, newest day first; the last 30 days where nothing is said."""
        asked = history_query(request)
        points = selectors.portfolio_history(request.user, asked.first, asked.last, asked.interval)
        page = self.paginate_queryset(cast(Any, points))
        return self.get_paginated_response(cast(Any, shapes.PointSerializer(cast(Any, page), many=True).data))

    @extend_schema(request=shapes.PositionWriteSerializer, responses={201: shapes.PositionSerializer})
    @action(detail=False, methods=["post"], pagination_class=None)
    @idempotent
    def positions(self, request: Request) -> Response:
        """Add to a position, or reduce it: buying more moves the average price, selling realises profit."""
        reader = shapes.PositionWriteSerializer(data=request.data)
        reader.is_valid(raise_exception=True)
        fields = reader.validated_data
        formula_id = fields.get("formula_id")
        position = services.add_position(
            user=request.user,
            instrument=find_instrument(fields["symbol"]),
            quantity=fields["quantity"],
            price=fields["average_price"],
            formula=get_formula(request.user, formula_id, field="formula_id") if formula_id else None,
        )
        (valued,) = selectors.value_positions([position])
        return Response(shapes.PositionSerializer(valued).data, status=201)
