"""The doors to backtests: started on a formula; read, downloaded and deleted by whoever started them."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datafeed.models import Instrument
from datafeed.selectors import find_instrument
from formulas import backtests, selectors
from formulas.api import backtest_shapes as shapes
from formulas.api.filters import BacktestFilter
from formulas.api.publications import as_file
from formulas.errors import MayNotBacktest
from formulas.models import Backtest, Formula
from formulas.outcomes import TRADE_COLUMNS
from kernel.api.idempotency import idempotent
from kernel.api.jobs import JobSerializer
from kernel.errors import Invalid
from kernel.models import Job

ID = "[1-9][0-9]{0,17}"
MOST_COMPARED = 20


class StartBacktestView(APIView):
    """Testing a formula on the past."""

    @extend_schema(
        operation_id="formulas_backtest", request=shapes.BacktestWriteSerializer, responses={202: JobSerializer}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Test a formula on recorded bars, which takes a job; its result names a backtest for each symbol."""
        formula = testable(request, pk)
        reader = shapes.BacktestWriteSerializer(data=request.data)
        reader.is_valid(raise_exception=True)
        fields = reader.validated_data
        job = backtests.start_backtests(
            owner=request.user,
            formula=formula,
            instruments=_instruments(fields),
            choice=shapes.choice_of(fields),
        )
        return accepted(request, job)


def accepted(request: Request, job: Job) -> Response:
    """The answer to what takes a job: the job, and where to ask for it."""
    body = JobSerializer(job, context={"request": request}).data
    return Response(body, status=202, headers={"Location": body["url"]})


def testable(request: Request, formula_id: int) -> Formula:
    """A formula whose code the caller may read; raises `FormulaNotFound`, `MayNotBacktest`."""
    formula = selectors.get_formula(request.user, formula_id)
    if not selectors.may_read_code(request.user, formula):
        raise MayNotBacktest
    return formula


def _instruments(fields: dict[str, Any]) -> list[Instrument]:
    """Each instrument once, in the order of the symbols; raises `UnknownSymbol` naming the field."""
    found = [find_instrument(fields["symbol"])] if fields.get("symbol") else []
    found += [find_instrument(symbol, "symbols") for symbol in fields.get("symbols", [])]
    return list({instrument.pk: instrument for instrument in found}.values())


class BacktestViewSet(viewsets.GenericViewSet[Backtest], mixins.ListModelMixin):
    """One's own backtests, newest first."""

    serializer_class = shapes.BacktestSerializer
    filterset_class = BacktestFilter
    lookup_value_regex = ID
    queryset = Backtest.objects.none()

    def get_queryset(self) -> QuerySet[Backtest]:
        own = Backtest.objects.visible_to(self.request.user).select_related("version", "instrument", "job")
        return own.defer("version__code", "outcome") if self.action == "list" else own

    @extend_schema(responses=shapes.BacktestDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Metrics, equity curve, trades, and what they rest on."""
        return Response(shapes.BacktestDetailSerializer(self.get_object(), context=self.get_serializer_context()).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Forget a backtest, and cancel the job that has nothing else to do."""
        backtests.delete_backtest(backtest=self.get_object())
        return Response(status=204)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="trades.csv", filterset_class=None)
    def trades(self, request: Request, pk: int) -> HttpResponse:
        """The trades as CSV, a line for each."""
        return as_table(f"backtest-{pk}-trades.csv", TRADE_COLUMNS, shapes.trades_of(self.get_object()))

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="equity.csv", filterset_class=None)
    def equity(self, request: Request, pk: int) -> HttpResponse:
        """The equity curve as CSV, a line for each point."""
        return as_table(f"backtest-{pk}-equity.csv", shapes.POINT_COLUMNS, shapes.curve_of(self.get_object()))

    @extend_schema(responses=shapes.BacktestDetailSerializer)
    @action(detail=True, url_path="result.json", filterset_class=None)
    def result(self, request: Request, pk: int) -> Response:
        """Everything as a file."""
        context = self.get_serializer_context()
        return as_file(shapes.BacktestDetailSerializer(self.get_object(), context=context).data, f"backtest-{pk}.json")

    @extend_schema(
        parameters=[OpenApiParameter("ids", str, description=f"up to {MOST_COMPARED} ids with commas between")],
        responses=shapes.ComparisonSerializer,
    )
    @action(detail=False, filterset_class=None, pagination_class=None)
    def compare(self, request: Request) -> Response:
        """Several of one's own backtests side by side, in the order of `ids`."""
        ids = _ids(request.query_params.get("ids", ""))
        found = {row.pk: row for row in self.get_queryset().defer("outcome").filter(pk__in=ids)}
        if missing := [str(pk) for pk in ids if pk not in found]:
            raise Invalid.field("ids", f"There is no backtest of yours called {', '.join(missing)}.")
        rows = [found[pk] for pk in ids]
        names = list(dict.fromkeys(name for row in rows for name in row.metrics or {}))
        metrics = {name: [(row.metrics or {}).get(name) for row in rows] for name in names}
        return Response(shapes.ComparisonSerializer({"backtests": rows, "metrics": metrics}).data)


def _ids(text: str) -> list[int]:
    """The ids in a comma list, each once; raises `Invalid` naming `ids`."""
    words = [word.strip() for word in text.split(",")] if text else []
    if len(words) > MOST_COMPARED or not all(re.fullmatch(ID, word) for word in words):
        raise Invalid.field("ids", f"Up to {MOST_COMPARED} ids with commas between are taken.")
    return list(dict.fromkeys(int(word) for word in words))


def as_table(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> HttpResponse:
    """A CSV file. Its cells are numbers, moments and words of ours, or names that the compiler has allowed: nothing in
    it could be taken for a spreadsheet's formula."""
    text = io.StringIO()
    lines = csv.DictWriter(text, columns)
    lines.writeheader()
    lines.writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)
