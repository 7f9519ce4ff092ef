"""The root of the service: a page for browsers, metadata for programs; and the sockets' document with its page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.api.renderers import encoder
from kernel.realtime.asyncapi import document
from signalbox import __version__, assets

API_VERSION = "v1"


def metadata(prefix: str = "/api/v1") -> dict[str, Any]:
    """What this service is and where its parts are, as paths."""
    return {
        "name": "Signalbox",
        "version": __version__,
        "current_api_version": API_VERSION,
        "documentation": f"{prefix}/docs",
        "openapi": f"{prefix}/openapi.json",
        "health": f"{prefix}/health",
        "versions": f"{prefix}/versions",
        "datafeed": f"{prefix}/datafeed/config",
        "websockets": {
            "endpoint": "/api/v1/ws",
            "notifications": "/ws/notifications",
            "documentation": f"{prefix}/ws/asyncapi",
            "asyncapi": f"{prefix}/ws/asyncapi.json",
        },
    }


@csrf_exempt  # it changes nothing, and a program that posts here should hear that it cannot
@vary_on_headers("Accept")
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """`/`: the web page where the client asks for HTML, the service's metadata where it does not."""
    if "text/html" in request.headers.get("Accept", ""):
        return render(request, "index.html")
    return HttpResponse(encoder.encode(metadata()), content_type="application/json")


@vary_on_headers("Accept-Encoding")
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """`/sw.js`: shows browser pushes. At the root, so that it is the worker of every page; asked for anew each time."""
    script = render(request, "sw.js", content_type="text/javascript; charset=utf-8")
    script["Cache-Control"] = "no-cache"
    script["Service-Worker-Allowed"] = "/"
    return script


class RootView(APIView):
    """The metadata under the API's own prefixes."""

    permission_classes = [AllowAny]
    authentication_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(metadata(request.path_info.rstrip("/") or "/api/v1"))


class AsyncApiView(APIView):
    """The sockets' own document, made from the types that validate their messages; open as the API's documents are."""

    permission_classes = spectacular_settings.SERVE_PERMISSIONS
    authentication_classes = spectacular_settings.SERVE_AUTHENTICATION

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        told = document(version=__version__)
        here = {"host": request.get_host(), "protocol": "wss" if request.is_secure() else "ws"}
        return Response({**told, "servers": {"this": {**told["servers"]["this"], **here}}})


class AsyncApiPage(APIView):
    """The same for people, drawn by a viewer that comes from here; a link to the document where there is none."""

    permission_classes = spectacular_settings.SERVE_PERMISSIONS
    authentication_classes = spectacular_settings.SERVE_AUTHENTICATION
    renderer_classes = [TemplateHTMLRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        viewer = assets.URL if assets.is_there() else ""
        shown = {"viewer": viewer, "document": "/api/v1/ws/asyncapi.json"}
        return Response(shown, template_name="asyncapi.html")
