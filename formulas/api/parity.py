"""The doors to parity certificates: whether what ran live is what the formula says over the stored bars."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from formulas import parity, selectors
from formulas.api.backtest_shapes import EpochField
from formulas.api.publications import as_file
from formulas.disclosure import open_code
from formulas.errors import MayNotExport
from formulas.models import CertificateStatus, Deployment, Formula
from kernel.api.fields import MomentField
from kernel.api.idempotency import idempotent
from kernel.api.jobs import JobSerializer

PENDING, UNDEPLOYED = "pending", "undeployed"
STATUSES = (*CertificateStatus.values, PENDING)


class DifferenceSerializer(serializers.Serializer[Any]):
    """Where the signals part from the replay: `field` is `signal` where one is missing or too many.

    It is `bars`, from the one at `bar_time` on, where a bar is not what it was at an earlier certificate.
    """

    signal = serializers.IntegerField(allow_null=True, help_text="place in the order of signals, from 0")
    bar_time = EpochField(allow_null=True)
    field = serializers.CharField()
    expected = serializers.JSONField(allow_null=True)
    recorded = serializers.JSONField(allow_null=True)


class CertifiedSerializer(serializers.ModelSerializer[Deployment]):
    """A deployment and its certificate; `first_difference` is for those who may see the signals."""

    deployment_id = serializers.IntegerField(source="pk", read_only=True)
    symbol = serializers.CharField(source="instrument.symbol", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    status = serializers.SerializerMethodField()
    signals = serializers.IntegerField(source="sealed_signals", read_only=True)
    through = EpochField(source="certificate.through", read_only=True, allow_null=True, default=None)
    checked_at = MomentField(source="certificate.checked_at", read_only=True, allow_null=True, default=None)
    first_difference = serializers.SerializerMethodField()

    class Meta:
        model = Deployment
        fields = (
            "deployment_id",
            "symbol",
            "resolution",
            "version",
            "status",
            "signals",
            "head",
            "through",
            "checked_at",
            "first_difference",
        )

    @extend_schema_field(serializers.ChoiceField(choices=STATUSES))
    def get_status(self, row: Deployment) -> str:
        return status_of(row)

    @extend_schema_field(DifferenceSerializer(allow_null=True))
    def get_first_difference(self, row: Deployment) -> Any:
        found = row.certificate.first_difference if status_of(row) == CertificateStatus.DIFFERS else None
        return DifferenceSerializer(found).data if found and self.context["shows_signals"] else None


class ParitySerializer(serializers.Serializer[Any]):
    """`exact` when every deployment is, `differs` when one does, `pending` while one has not been looked at."""

    formula_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=(*STATUSES, UNDEPLOYED))
    deployments = CertifiedSerializer(many=True)


def status_of(row: Deployment) -> str:
    """What the deployment's certificate says; pending where there is none yet."""
    return row.certificate.status if hasattr(row, "certificate") else PENDING


def _together(rows: list[Deployment]) -> str:
    found = [status_of(row) for row in rows]
    return next(
        (one for one in (CertificateStatus.DIFFERS, PENDING, CertificateStatus.EXACT) if one in found), UNDEPLOYED
    )


class ParityView(APIView):
    """The certificate of a formula."""

    @extend_schema(operation_id="formulas_parity", responses=ParitySerializer)
    def get(self, request: Request, pk: int) -> Response:
        """Whether each deployment's signals are what its formula gives over the stored bars, and where not."""
        formula = selectors.get_formula(request.user, pk)
        rows = list(formula.deployments.select_related("instrument", "version", "certificate"))
        body = {"formula_id": formula.pk, "status": _together(rows), "deployments": rows}
        context = {"shows_signals": selectors.may_see_signals(request.user, formula)}
        return Response(ParitySerializer(body, context=context).data)

    @extend_schema(operation_id="formulas_parity_check", request=None, responses={202: JobSerializer})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Have the formula's deployments certified now, which takes a job."""
        own = Formula.objects.visible_to(request.user).editable_by(request.user)
        job = parity.start_checking(owner=request.user, deployments=get_object_or_404(own, pk=pk).deployments.all())
        body = JobSerializer(job, context={"request": request}).data
        return Response(body, status=202, headers={"Location": body["url"]})


class DeploymentRecordSerializer(serializers.Serializer[Any]):
    """A deployment as the engine's `certify` reads it; times are epoch seconds."""

    deployment_id = serializers.IntegerField()
    symbol = serializers.CharField()
    resolution = serializers.CharField()
    formula = serializers.CharField()
    parameters = serializers.DictField(child=serializers.FloatField())
    version_hash = serializers.CharField()
    since = serializers.IntegerField()
    skipped = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField(allow_null=True)))
    head = serializers.CharField()
    signals = serializers.ListField(child=serializers.DictField())
    bars = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class DeploymentRecordView(APIView):
    """A deployment's record as a file."""

    @extend_schema(operation_id="deployments_record", responses=DeploymentRecordSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """Code, bars and chained signals, which `python -m formulas.engine certify` replays and compares."""
        deployment = get_object_or_404(selectors.deployments_of(request.user), pk=pk)
        if not open_code(request.user, deployment.formula):
            raise MayNotExport
        return as_file(parity.export_of(deployment), f"deployment-{pk}-record.json")
