"""Whole tables of bars over REST, in and out; for operators."""

from typing import Any, cast
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datafeed import services
from datafeed.api.datafeed import query_parameter
from datafeed.api.parameters import window
from datafeed.downloads import exported_response, file_response
from datafeed.files import FORMATS, LARGEST_FILE
from datafeed.selectors import check_served, find_instrument
from kernel.api.jobs import JobSerializer
from kernel.api.streams import PiecewiseResponse
from kernel.api.uploads import MultipartParser, Upload
from kernel.errors import Invalid
from kernel.models import Job
from kernel.permissions import IsOperator, Person

MIB = 2**20


class ImportFormSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField(max_length=40)
    resolution = serializers.CharField(max_length=8, help_text="of the bars in the file; `D` is `1D`")
    timezone = serializers.CharField(
        max_length=60, default="Etc/UTC", help_text="of times in the file that have no offset of their own"
    )
    file = serializers.FileField(help_text="CSV, plain or gzip, or Parquet; the columns have names")


class ImportFieldsSerializer(ImportFormSerializer):
    """The same without the file, which is not read as text."""

    file = None  # type: ignore[assignment]  # takes the field away


class ExportSerializer(serializers.Serializer[Any]):
    """Which bars, `since` inclusive and `until` exclusive (epoch seconds UTC), and in what."""

    symbol = serializers.CharField(max_length=40)
    resolution = serializers.CharField(max_length=8)
    since = serializers.IntegerField(min_value=0, max_value=2**40, default=None, allow_null=True)
    until = serializers.IntegerField(min_value=0, max_value=2**40, default=None, allow_null=True)
    format = serializers.ChoiceField(choices=list(FORMATS), default="csv")


class ImportView(APIView):
    permission_classes = [IsOperator]
    parser_classes = [MultipartParser]
    body_limit = LARGEST_FILE + MIB
    file_limit = LARGEST_FILE
    most_files = 1

    @extend_schema(
        operation_id="datafeed_import",
        request={"multipart/form-data": ImportFormSerializer},
        responses={202: JobSerializer},
    )
    def post(self, request: Request) -> Response:
        """Import a table of bars, which takes a job; its result counts what was read, added and known, and names the
        line of each bad row. Bars that are there already stay as they are."""
        fields = ImportFieldsSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        data: Any = request.data
        upload = data.get("file")
        if not isinstance(upload, Upload):
            raise Invalid.field("file", "A file is required.")
        return _accepted(
            request, services.enqueue_import(owner=request.user, file=upload.file, **fields.validated_data)
        )


_FILE = {(200, "text/csv"): OpenApiTypes.STR, (200, FORMATS["parquet"]): OpenApiTypes.BINARY}
_FORMAT = query_parameter("format", f"one of {', '.join(FORMATS)}; CSV where unsaid")


class ExportView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="datafeed_export",
        parameters=[
            query_parameter("symbol", "a symbol, in any case", required=True),
            query_parameter("resolution", "one of the symbol's resolutions", required=True),
            query_parameter("from", "inclusive; epoch seconds; empty for all", whole=True),
            query_parameter("to", "exclusive; epoch seconds; empty for all", whole=True),
            _FORMAT,
        ],
        responses={
            (200, FORMATS["csv"].partition(";")[0]): OpenApiTypes.STR,
            (200, FORMATS["parquet"]): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request) -> PiecewiseResponse:
        """Closed bars as a file at once: `time` (UTC), `open, high, low, close, volume`."""
        symbol, resolution, since, until = window(request.query_params)
        ending = request.query_params.get("format") or "csv"
        if ending not in FORMATS:
            raise Invalid.field("format", f"Choose one of {', '.join(FORMATS)}.")
        instrument = find_instrument(symbol)
        name = check_served(instrument, resolution)
        return file_response(instrument, name, since=since, until=until, format=ending)

    @extend_schema(operation_id="datafeed_export_job", request=ExportSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Have closed bars written to a file, which takes a job; once it has ended the file is at
        `datafeed/exports/{id}` of that job, for a day."""
        asked = ExportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = asked.validated_data
        instrument = find_instrument(fields["symbol"])
        fields |= {"symbol": instrument.symbol, "resolution": check_served(instrument, fields["resolution"])}
        return _accepted(request, services.enqueue_export(owner=request.user, **fields))


class ExportedView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="datafeed_exported",
        responses=_FILE,
    )
    def get(self, request: Request, job_id: UUID) -> PiecewiseResponse:
        """The file that a job has written; 404 until it has, and once it is gone."""
        return exported_response(cast(Person, request.user), job_id)


def _accepted(request: Request, job: Job) -> Response:
    body = JobSerializer(job, context={"request": request}).data
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})
