"""Another version of the API beside the first: a list of paths that differs where it says, and its own documents."""

from typing import Any

import pytest
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from control.versions import ACTIVE, VERSIONS
from datafeed.api import datafeed, shapes
from signalbox import urls
from signalbox.api import SURFACES, changed, mounted

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class ShortConfigSerializer(serializers.Serializer[Any]):
    resolutions = serializers.ListField(child=serializers.CharField())


class ShortConfigView(datafeed.ConfigView):
    @extend_schema(operation_id="datafeed_config", responses=ShortConfigSerializer)
    def get(self, request: Request) -> Response:
        """What the datafeed serves, in one word."""
        return Response({"resolutions": shapes.config()["supported_resolutions"]})


SECOND = changed(SURFACES["v1"], path("datafeed/config", ShortConfigView.as_view(), name="datafeed-config"))
urlpatterns = [mounted("api/v2/", "v2", version="v2", patterns=SECOND), *urls.urlpatterns]


def get(address: str) -> Any:
    return APIClient().get(address).json()


def test_the_second_version_differs_where_it_says_and_nowhere_else() -> None:
    assert set(get("/api/v2/datafeed/config")) == {"resolutions"}
    for prefix in ("/api/v1", "/api", ""):
        assert "supported_resolutions" in get(f"{prefix}/datafeed/config")
    for address in ("datafeed/health", "udf/config", "health/live", "versions"):
        first, second = get(f"/api/v1/{address}"), get(f"/api/v2/{address}")
        assert first.keys() == second.keys()
    assert APIClient().get("/api/v2/instruments").status_code == 401
    assert APIClient().get("/api/v2/nothing").status_code == 404


def test_each_version_says_which_one_it_is() -> None:
    assert get("/api/v2/version")["version"] == get("/api/v2/health")["api_version"] == "v2"
    for prefix in ("/api/v1", "/api", ""):
        assert get(f"{prefix}/version")["version"] == get(f"{prefix}/health")["api_version"] == ACTIVE.version == "v1"
    assert get("/api/v2")["openapi"] == "/api/v2/openapi.json"


def test_each_version_has_documents_of_its_own() -> None:
    first, second = get("/api/v1/openapi.json"), get("/api/v2/openapi.json")
    assert {address.replace("/v2/", "/v1/") for address in second["paths"]} == set(first["paths"])
    assert all(address.startswith("/api/v2/") for address in second["paths"])
    answers = [
        document["paths"][f"/api/{name}/datafeed/config"]["get"] for name, document in (("v1", first), ("v2", second))
    ]
    shown = [answer["responses"]["200"]["content"]["application/json"]["schema"]["$ref"] for answer in answers]
    assert [reference.rpartition("/")[2] for reference in shown] == ["Config", "ShortConfig"]
    assert {answer["tags"][0] for answer in answers} == {"datafeed"}
    assert b"/api/v2/openapi.json" in APIClient().get("/api/v2/docs").content


def test_the_catalogue_has_every_version_with_what_clients_must_know() -> None:
    told = get("/api/v1/versions")
    assert told["current_version"] == "v1"
    assert told["documentation_url"].endswith("/api/v1/docs")
    assert [version["version"] for version in told["available_versions"]] == [one.version for one in VERSIONS]
    assert [version["status"] for version in told["available_versions"]] == ["stable", "planned"]
    keys = {"version", "release_date", "status", "breaking_changes", "deprecation_notice", "sunset_date"}
    assert all(set(version) == keys for version in told["available_versions"])
    health = get("/api/v1/health")
    assert health["version_info"] == get("/api/v1/version")
    assert health["timestamp"].endswith("Z")
