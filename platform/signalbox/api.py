"""The REST surface, in one list that three prefixes and any later version share."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerView

from accounts.api.urls import urlpatterns as accounts
from control.api.urls import urlpatterns as control
from datafeed.api.urls import urlpatterns as datafeed
from formulas.api.urls import urlpatterns as formulas
from kernel.api.jobs import urlpatterns as jobs
from notifications.api.urls import urlpatterns as notifications
from portfolio.api.urls import urlpatterns as portfolio
from signalbox.views import AsyncApiView, RootView

Patterns = list[URLPattern | URLResolver]

documented: Patterns = [*accounts, *datafeed, *formulas, *portfolio, *notifications, *control, *jobs]

documents: Patterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(urlconf="signalbox.schema_urls"), name="openapi"),
    path("docs", SpectacularSwaggerView.as_view(url="/api/v1/openapi.json"), name="docs"),
    path("redoc", SpectacularRedocView.as_view(url="/api/v1/openapi.json"), name="redoc"),
    path("ws/asyncapi.json", AsyncApiView.as_view(), name="asyncapi"),
]


if settings.ENV.api_docs == "off":
    documents = []


def mounted(prefix: str, namespace: str) -> URLResolver:
    """The whole surface under `prefix`, with a namespace of its own."""
    root = [path(prefix.rstrip("/"), RootView.as_view(), name="root")] if prefix else []
    api = [path(prefix, include([*documented, *documents]))]
    return path("", include(([*root, *api], namespace), namespace=namespace))
