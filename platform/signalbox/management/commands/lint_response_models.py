"""`manage.py lint_response_models`: every endpoint says in the API's document what it answers."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from drf_spectacular.generators import SchemaGenerator

WITHOUT_BODY = {"204", "205", "304"}


class Command(BaseCommand):
    help = "Name every endpoint whose answer has no declared model, and fail where there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--urlconf", default="signalbox.schema_urls")

    def handle(self, *args: Any, urlconf: str, **options: Any) -> None:
        schema = SchemaGenerator(urlconf=urlconf).get_schema(request=None, public=True)
        faults = list(undeclared(schema))
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            sys.exit(1)


def undeclared(schema: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the declared answers of an OpenAPI document, a line for each."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            name, answers = f"{method.upper()} {path}", operation["responses"]
            good = [status for status in answers if status[0] in "23"]
            if not good:
                yield f"{name}: declares no answer"
            for status in good:
                if status not in WITHOUT_BODY and not _has_model(answers[status]):
                    yield f"{name}: the answer {status} has no model"


def _has_model(answer: dict[str, Any]) -> bool:
    content = answer.get("content", {})
    return bool(content) and all(kind.get("schema") for kind in content.values())
