"""`make lint-response-models`: an endpoint that does not say what it answers is named, and fails the check."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from signalbox.management.commands.lint_response_models import undeclared

MAKEFILE = Path(__file__).resolve().parents[3] / "Makefile"
TARGETS = {"install", "dev", "lint", "lint-check", "format", "test", "export-openapi", "generate-openapi-client",
           "generate-asyncapi-types", "lint-response-models"}  # fmt: skip


class Silent(APIView):
    def get(self, request: Request) -> Response:
        return Response({"anything": 1})


urlpatterns = [path("silent", Silent.as_view())]


def test_every_endpoint_declares_what_it_answers() -> None:
    call_command("lint_response_models")


def test_an_endpoint_that_does_not_is_named_and_fails_the_check() -> None:
    said = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("lint_response_models", urlconf=__name__, stderr=said)
    assert stopped.value.code == 1
    assert said.getvalue().strip() == "GET /silent: the answer 200 has no model"


def test_an_answer_without_a_body_needs_no_model() -> None:
    def faults(**answers: object) -> list[str]:
        return list(
            undeclared({"paths": {"/x": {"delete": {"responses": {f"{k[1:]}": v for k, v in answers.items()}}}}})
        )

    assert faults(_204={}) == []
    assert faults(_404={}) == ["DELETE /x: declares no answer"]
    assert faults(_200={"content": {"application/json": {}}}) == ["DELETE /x: the answer 200 has no model"]
    assert faults(_200={"content": {"application/json": {"schema": {"type": "string"}}}}) == []


def test_the_printed_make_targets_are_there_and_say_what_they_do() -> None:
    documented = re.findall(r"^([a-z-]+):.*## ", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(documented) >= TARGETS
