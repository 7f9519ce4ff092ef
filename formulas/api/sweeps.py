"""The doors to sweeps and walks forward: started on a formula; read, downloaded and deleted by whoever started them."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datafeed.selectors import find_instrument
from formulas import sweeps
from formulas.api import sweep_shapes as shapes
from formulas.api.backtest_shapes import choice_of
from formulas.api.backtests import ID, accepted, as_table, testable
from formulas.api.filters import SweepFilter
from formulas.api.publications import as_file
from formulas.models import Sweep
from kernel.api.idempotency import idempotent
from kernel.api.jobs import JobSerializer

WALKED = {"parameters", "count", "seed", "folds"}


def _start(request: Request, formula_id: int, shape: type[shapes.SweepWriteSerializer]) -> Response:
    formula = testable(request, formula_id)
    reader = shape(data=request.data)
    reader.is_valid(raise_exception=True)
    fields = reader.validated_data
    job = sweeps.start_sweep(
        owner=request.user,
        formula=formula,
        instrument=find_instrument(fields["symbol"]),
        choice=choice_of({name: value for name, value in fields.items() if name not in WALKED}),
        points=sweeps.points_of(fields["parameters"], fields.get("count"), fields["seed"]),
        folds=fields.get("folds"),
    )
    return accepted(request, job)


class StartSweepView(APIView):
    """Testing many values of a formula's parameters."""

    @extend_schema(operation_id="formulas_sweep", request=shapes.SweepWriteSerializer, responses={202: JobSerializer})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Test every combination, or some drawn by chance, which takes a job; its result names the sweep."""
        return _start(request, pk, shapes.SweepWriteSerializer)


class StartWalkForwardView(APIView):
    """Choosing a formula's parameters on the past alone, again and again."""

    @extend_schema(
        operation_id="formulas_walk_forward",
        request=shapes.WalkForwardWriteSerializer,
        responses={202: JobSerializer},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Keep to the best combination so far over the next part of the time, which takes a job."""
        return _start(request, pk, shapes.WalkForwardWriteSerializer)


class SweepViewSet(viewsets.GenericViewSet[Sweep], mixins.ListModelMixin):
    """One's own sweeps and walks forward, newest first."""

    serializer_class = shapes.SweepSerializer
    filterset_class = SweepFilter
    lookup_value_regex = ID
    queryset = Sweep.objects.none()

    def get_queryset(self) -> QuerySet[Sweep]:
        own = Sweep.objects.visible_to(self.request.user).select_related("version", "instrument", "job")
        return own.defer("version__code", "result") if self.action == "list" else own

    @extend_schema(responses=shapes.SweepDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Every point with its metrics, or every fold, and how much the best of them means."""
        return Response(self._detail())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Forget a sweep, and cancel its job."""
        sweeps.delete_sweep(sweep=self.get_object())
        return Response(status=204)

    @extend_schema(responses=shapes.SweepDetailSerializer)
    @action(detail=True, url_path="result.json", filterset_class=None)
    def result(self, request: Request, pk: int) -> Response:
        """The same as a file."""
        return as_file(self._detail(), f"sweep-{pk}.json")

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="points.csv", filterset_class=None)
    def points(self, request: Request, pk: int) -> HttpResponse:
        """The points as CSV, a line for each: parameters, then metrics."""
        rows = shapes.results_of(self.get_object())
        names = [*rows[0]["parameters"], *rows[0]["metrics"]] if rows else []
        return as_table(f"sweep-{pk}-points.csv", names, [row["parameters"] | row["metrics"] for row in rows])

    def _detail(self) -> Any:
        return shapes.SweepDetailSerializer(self.get_object(), context=self.get_serializer_context()).data
