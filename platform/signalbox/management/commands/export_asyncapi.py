"""`manage.py export_asyncapi FILE [PAGE]`: the sockets' document as a file, and its list of messages in a page."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from kernel.realtime.asyncapi import document
from signalbox import __version__, sockets

BEGIN, END = "<!-- messages: begin -->", "<!-- messages: end -->"


class Command(BaseCommand):
    help = f"Write the AsyncAPI document made from the message types of {sockets.__name__}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("page", type=Path, nargs="?")

    def handle(self, *args: Any, file: Path, page: Path | None, **options: Any) -> None:
        made = document(version=__version__)
        file.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        if page:
            page.write_text(with_messages(page.read_text(encoding="utf-8"), made), encoding="utf-8")


def with_messages(page: str, made: dict[str, Any]) -> str:
    """`page` with the list of the document's messages between its marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{chr(10).join(_lines(made))}\n{END}{after}"


def _lines(made: dict[str, Any]) -> Iterator[str]:
    by_action = {
        action: [one for _, one in sorted(made["operations"].items()) if one["action"] == action]
        for action in ("receive", "send")
    }
    yield from ("| clients ask | payload | answered with | |", "| --- | --- | --- | --- |")
    for operation in by_action["receive"]:
        asked, answered = _message(made, operation), _message(made, operation["reply"])
        yield f"| `{asked['name']}` | {_fields(made, asked)} | {_fields(made, answered)} | {operation['summary']} |"
    yield from ("", "| clients hear | payload | |", "| --- | --- | --- |")
    for operation in by_action["send"]:
        told = _message(made, operation)
        yield f"| `{told['name']}` | {_fields(made, told)} | {operation['summary']} |"


def _message(made: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["components"]["messages"][holder["messages"][0]["$ref"].rpartition("/")[2]]
    return found


def _fields(made: dict[str, Any], message: dict[str, Any]) -> str:
    """The names inside a message's payload; those that may be left out are in brackets."""
    schema = _followed(made, _followed(made, message["payload"])["properties"].get("payload", {}))
    needed = schema.get("required", ())
    return ", ".join(f"`{name}`" if name in needed else f"[`{name}`]" for name in schema.get("properties", ()))


def _followed(made: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = made["components"]["schemas"][name] if name else schema
    return found
