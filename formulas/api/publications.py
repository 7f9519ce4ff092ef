"""The doors to publishing a formula and to its live record."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datafeed.selectors import find_instrument
from formulas import performance, scoring, selectors, services
from formulas.api import publication_shapes as shapes
from formulas.models import Formula
from kernel.api.idempotency import idempotent


class PublishView(APIView):
    """Putting a formula on record."""

    @extend_schema(
        operation_id="formulas_publish",
        request=shapes.PublishSerializer,
        responses={200: shapes.PublicationSerializer, 201: shapes.PublicationSerializer},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Fix universe and costs of the newest version, deploy it there and start its record; 200 where it runs."""
        own = Formula.objects.visible_to(request.user).editable_by(request.user)
        formula = get_object_or_404(own.select_related("version", "author"), pk=pk)
        reader = shapes.PublishSerializer(data=request.data)
        reader.is_valid(raise_exception=True)
        fields = reader.validated_data
        found = {row.pk: row for row in (find_instrument(symbol, "symbols") for symbol in fields["symbols"])}
        published, is_new = services.publish_formula(
            formula=formula,
            instruments=list(found.values()),
            resolution=fields["resolution"],
            costs=services.Costs(**fields.get("costs", {})),
        )
        return Response(shapes.PublicationSerializer(published).data, status=201 if is_new else 200)


class PerformanceView(APIView):
    """What a formula has earned since it was published."""

    @extend_schema(operation_id="formulas_performance", responses=shapes.PerformanceSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """The live record, its score and what was published before; none of it is a backtest."""
        formula = _shown(request, pk)
        return Response(shapes.PerformanceSerializer(performance.performance_of(formula)).data)


class RecordView(APIView):
    """The live record as a file."""

    @extend_schema(operation_id="formulas_record", responses=shapes.RecordSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """The chained days since publication, which `python -m formulas.engine score` checks and scores."""
        published = performance.newest_publication(_shown(request, pk))
        return as_file(scoring.record_of(published), f"formula-{pk}-record.json")


def as_file(body: Any, name: str) -> Response:
    """A JSON answer that a browser saves under a name."""
    return Response(body, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _shown(request: Request, formula_id: int) -> Formula:
    """A formula whose returns the caller may see; raises `FormulaNotFound`, `PerformanceNotShown`."""
    formula = selectors.get_formula(request.user, formula_id)
    performance.check_may_see_performance(request.user, formula)
    return formula
