"""The paths that the OpenAPI document lists: those of `/api/v1` and no others."""

from django.urls import include, path

from signalbox.api import documented

urlpatterns = [path("api/v1/", include((documented, "v1"), namespace="v1"))]
