"""The doors to the system's health and to what versions of the API there are."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from control import metrics, selectors
from control.versions import ACTIVE, VERSIONS, Version, version_body, version_called
from kernel import clock
from kernel.permissions import IsOperator


class ApiVersionSerializer(serializers.Serializer[Any]):
    """One major version of the API."""

    version = serializers.CharField()
    release_date = serializers.CharField()
    status = serializers.CharField()
    breaking_changes = serializers.ListField(child=serializers.CharField())
    deprecation_notice = serializers.CharField(allow_null=True)
    sunset_date = serializers.CharField(allow_null=True)


class VersionsSerializer(serializers.Serializer[Any]):
    """Every version, announced or served."""

    current_version = serializers.CharField()
    available_versions = ApiVersionSerializer(many=True)
    documentation_url = serializers.CharField()
    support_contact = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    """Whether the service answers, and which version does."""

    status = serializers.CharField()
    message = serializers.CharField()
    timestamp = serializers.CharField()
    version = serializers.CharField()
    api_version = serializers.CharField()
    version_info = ApiVersionSerializer()


class ReadySerializer(serializers.Serializer[Any]):
    """One word on the service's state."""

    status = serializers.CharField()


class ComponentSerializer(serializers.Serializer[Any]):
    """One part of the running system."""

    name = serializers.CharField()
    status = serializers.CharField()
    latency_ms = serializers.FloatField(allow_null=True)
    detail = serializers.CharField()


class ComponentsSerializer(serializers.Serializer[Any]):
    """Every part of the running system."""

    status = serializers.CharField()
    components = ComponentSerializer(many=True)


class PublicView(APIView):
    """Answers strangers, and asks nobody who they are."""

    permission_classes = [AllowAny]
    authentication_classes = ()


class HealthView(PublicView):
    @extend_schema(operation_id="health", responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Bare health: status and version, no detail."""
        state, answering = selectors.health()["status"], _answering(request)
        body = {
            "status": state,
            "message": "Signalbox is running",
            "timestamp": clock.isoformat(clock.now()),
            "version": settings.VERSION,
            "api_version": answering.version,
            "version_info": version_body(answering),
        }
        return Response(body, status=503 if state == "down" else 200)


class LiveView(PublicView):
    @extend_schema(operation_id="health_live", responses=ReadySerializer)
    def get(self, request: Request) -> Response:
        """Whether the process answers at all."""
        return Response({"status": "ok"})


class ReadyView(PublicView):
    @extend_schema(operation_id="health_ready", responses=ReadySerializer)
    def get(self, request: Request) -> Response:
        """Whether the process can do its work: 503 while its database is away."""
        state = selectors.health()["status"]
        return Response({"status": state}, status=503 if state == "down" else 200)


class ComponentsView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(operation_id="health_components", responses=ComponentsSerializer)
    def get(self, request: Request) -> Response:
        """How each part is, for operators."""
        return Response(selectors.health())


class SampleSerializer(serializers.Serializer[Any]):
    """One value of a metric."""

    labels = serializers.DictField(child=serializers.CharField())
    value = serializers.FloatField()


class MetricSerializer(serializers.Serializer[Any]):
    """A counter or gauge with its values."""

    name = serializers.CharField()
    kind = serializers.CharField(help_text="counter or gauge")
    help = serializers.CharField()
    samples = SampleSerializer(many=True)


class MetricsView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="metrics",
        responses={(200, "text/plain"): OpenApiTypes.STR, (200, "application/json"): MetricSerializer(many=True)},
    )
    def get(self, request: Request) -> HttpResponse:
        """Numbers about the running system, for operators: Prometheus' text, or JSON where that is asked for."""
        found = metrics.metrics()
        if "application/json" in request.headers.get("Accept", ""):
            return Response(metrics.as_json(found))
        return HttpResponse(metrics.as_text(found), content_type=metrics.PROMETHEUS)


class VersionsView(PublicView):
    @extend_schema(operation_id="versions", responses=VersionsSerializer)
    def get(self, request: Request) -> Response:
        """The versions of the API, served and announced."""
        return Response(
            {
                "current_version": ACTIVE.version,
                "available_versions": [version_body(version) for version in VERSIONS],
                "documentation_url": _absolute(request, "docs"),
                "support_contact": "the operator of this installation",
            }
        )


class VersionView(PublicView):
    @extend_schema(operation_id="version", responses=ApiVersionSerializer)
    def get(self, request: Request) -> Response:
        """The version that answers."""
        return Response(version_body(_answering(request)))


def _answering(request: Request) -> Version:
    """The version under whose prefix `request` came."""
    match = request.resolver_match
    return version_called(match.namespace if match else "")


def _absolute(request: HttpRequest | Request, name: str) -> str:
    """The address of a sibling path under the prefix this request came by."""
    return str(request.build_absolute_uri(f"{request.path_info.rpartition('/')[0]}/{name}"))
