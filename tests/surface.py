"""The documented operations of the API, and what a refusal of any of them must look like."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator

V1 = "/api/v1"


@dataclass(frozen=True, eq=False)
class Operation:
    """One method of one documented path; `path` is without the prefix, `name` is `POST /formulas`."""

    method: str
    path: str
    details: dict[str, Any]
    components: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def path_parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query_parameters(self) -> list[str]:
        return [one["name"] for one in self.details.get("parameters", []) if one["in"] == "query"]

    @property
    def properties(self) -> dict[str, Any]:
        """The declared properties of the body; none where the operation takes no JSON."""
        content = self.details.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return {}
        schema = self._resolved(content["application/json"]["schema"])
        return {name: self._resolved(one) for name, one in schema.get("properties", {}).items()}

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        parts = [schema, *schema.get("allOf", [])]
        found: dict[str, Any] = {}
        for part in parts:
            if "$ref" in part:
                found |= self.components[part["$ref"].rpartition("/")[2]]
        return {**found, **schema}


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the OpenAPI document."""
    document = SchemaGenerator(urlconf="signalbox.schema_urls").get_schema(request=None, public=True)
    schemas = document["components"]["schemas"]
    return tuple(
        Operation(method.upper(), path.removeprefix(V1), details, schemas)
        for path, methods in document["paths"].items()
        for method, details in methods.items()
    )


def reads() -> tuple[Operation, ...]:
    """What is answered as JSON by the tables alone; the content of a file is not among it."""
    files = {
        "GET /auth/kyc/documents/{document_id}",
        "GET /backtests/{id}/equity.csv",
        "GET /backtests/{id}/trades.csv",
        "GET /datafeed/export",
        "GET /datafeed/exports/{job_id}",
        "GET /metrics",
        "GET /notifications/export",
        "GET /sweeps/{id}/points.csv",
    }
    return tuple(one for one in operations() if one.method == "GET" and one.name not in files)


def with_path_parameter() -> tuple[Operation, ...]:
    return tuple(operation for operation in operations() if operation.path_parameters)


def with_body() -> tuple[Operation, ...]:
    return tuple(operation for operation in operations() if operation.properties)


def fault_of(response: Any, *statuses: int) -> str:
    """What is wrong with `response` as a problem of one of `statuses`; empty where nothing is."""
    if response.status_code not in statuses:
        return f"{response.status_code} instead of {statuses}: {response.content[:200]!r}"
    if "/udf/" in response.request["PATH_INFO"]:
        return _classic_fault(response)
    if response["Content-Type"] != "application/problem+json":
        return f"Content-Type {response['Content-Type']}"
    body = response.json()
    if missing := {"type", "title", "status", "detail", "code", "request_id"} - set(body):
        return f"without {sorted(missing)}"
    if body["status"] != response.status_code or body["request_id"] != response["X-Request-ID"]:
        return f"contradicts itself: {body}"
    if response.status_code == 401 and not response.get("WWW-Authenticate", "").startswith("Bearer"):
        return "401 without WWW-Authenticate"
    return ""


def _classic_fault(response: Any) -> str:
    """The same for the classic datafeed, whose clients read a body of two fields."""
    if response["Content-Type"] != "application/json":
        return f"Content-Type {response['Content-Type']}"
    body = response.json()
    if set(body) != {"s", "errmsg"} or body["s"] != "error" or not body["errmsg"]:
        return f"not a classic error: {body}"
    if response.status_code == 401 and not response.get("WWW-Authenticate", "").startswith("Bearer"):
        return "401 without WWW-Authenticate"
    return ""


def stranger() -> Client:
    return Client(raise_request_exception=False)
