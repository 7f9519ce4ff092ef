"""The API documents in the repository are those of the code."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from kernel.api.schema import LONGEST_SUMMARY
from kernel.realtime.asyncapi import document
from kernel.realtime.operations import operations
from signalbox import __version__, sockets
from signalbox.management.commands.export_asyncapi import with_messages

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    assert sockets.routed, "the socket paths register every operation"
    return document(version=__version__)


def read(name: str) -> Any:
    return json.loads((DOCS / name).read_text(encoding="utf-8"))


def test_the_openapi_document_is_up_to_date() -> None:
    """After a change of the API: `make export-openapi`."""
    made = SchemaGenerator(urlconf="signalbox.schema_urls").get_schema(request=None, public=True)
    assert unbounded(json.loads(OpenApiJsonRenderer().render(made))) == unbounded(read("openapi.json"))


def unbounded(node: Any) -> Any:
    """Without the bounds of integers: the framework takes those from the database that happens to be in use."""
    if isinstance(node, dict):
        return {name: unbounded(value) for name, value in node.items() if name not in {"minimum", "maximum", "format"}}
    return [unbounded(value) for value in node] if isinstance(node, list) else node


def test_the_asyncapi_document_is_up_to_date(asyncapi: dict[str, Any]) -> None:
    assert json.loads(json.dumps(asyncapi)) == read("asyncapi.json")


def test_the_page_of_the_sockets_lists_every_message(asyncapi: dict[str, Any]) -> None:
    page = (DOCS / "websockets.md").read_text(encoding="utf-8")
    assert with_messages(page, asyncapi) == page
    assert all(f"| `{operation.name}` |" in page for operation in operations())


def test_the_openapi_document_lists_one_prefix() -> None:
    assert all(path.startswith("/api/v1/") for path in read("openapi.json")["paths"])


def test_every_operation_of_the_sockets_is_in_the_document(asyncapi: dict[str, Any]) -> None:
    names = {message["name"] for message in asyncapi["components"]["messages"].values()}
    assert {operation.name for operation in operations()} <= names
    assert {"notification", "bars.update", "signal.created", "error", "auth.expiring"} <= names


def test_every_reference_of_the_document_leads_somewhere(asyncapi: dict[str, Any]) -> None:
    for reference in references(asyncapi):
        target: Any = asyncapi
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_schema_of_the_document_is_one(asyncapi: dict[str, Any]) -> None:
    for schema in asyncapi["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_says_in_a_line_what_it_does() -> None:
    for path, methods in read("openapi.json")["paths"].items():
        for method, operation in methods.items():
            words = operation["summary"]
            assert 5 < len(words) <= LONGEST_SUMMARY, (method, path, words)
            assert not words.endswith("."), (method, path, words)
    formulas = read("openapi.json")["paths"]["/api/v1/formulas/{id}"]
    assert formulas["delete"]["summary"] == "Remove one: the marketplace and one's own formulas"
    assert len({operation["summary"] for operation in formulas.values()}) == len(formulas)
