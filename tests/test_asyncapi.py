"""The sockets' document is true: what it says is what is sent, answered and refused, and its own parser takes it."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from msgspec import inspect
from websockets.sync.client import ClientConnection, connect

from kernel.realtime.asyncapi import document, pushes, tag_of
from kernel.realtime.messages import Push, encode
from kernel.realtime.operations import operations
from signalbox import __version__, sockets
from tests.clients.running import ROOT, node
from tests.server import LiveServer

# Asks that can be answered, for each operation; what a test of its own covers is left out nowhere.
ASKED: dict[str, dict[str, Any]] = {
    "bars.subscribe": {"symbol": "AAPL", "resolution": "1"},
    "bars.unsubscribe": {"symbol": "AAPL", "params": {"resolution": "1"}},
    "notifications.ack": {"ids": [str(uuid.UUID(int=0))]},
    "notifications.read": {"ids": [str(uuid.UUID(int=0))]},
    "quotes.subscribe": {"symbols": ["AAPL"], "fast_symbols": ["MSFT"]},
    "quotes.unsubscribe": {"symbols": ["AAPL"]},
}


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    assert sockets.routed, "the socket paths register every operation"
    return document(version=__version__)


def check(asyncapi: dict[str, Any], message: dict[str, Any]) -> None:
    """`message` is as the document says one of its type is."""
    [found] = [one for one in asyncapi["components"]["messages"].values() if one["name"] == message["type"]]
    jsonschema.Draft202012Validator({**found["payload"], "components": asyncapi["components"]}).validate(message)


def sample(kind: inspect.Type) -> Any:
    """A value of a field's type, with all there can be in it."""
    match kind:
        case inspect.StructType():
            return {one.encode_name: sample(one.type) for one in kind.fields if one.name not in {"ts", "event_id"}}
        case inspect.UnionType():
            return sample(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.DictType():
            return {"a": sample(kind.value_type)}
        case inspect.ListType() | inspect.VarTupleType():
            return [sample(kind.item_type)]
        case inspect.LiteralType():
            return kind.values[0]
        case _:
            return PLAIN[type(kind)]


PLAIN = {
    inspect.StrType: "text",
    inspect.IntType: 7,
    inspect.FloatType: 0.5,
    inspect.BoolType: True,
    inspect.DecimalType: Decimal("1.25"),
    inspect.AnyType: {"any": 1},
}


def test_every_message_is_sent_as_the_document_says(asyncapi: dict[str, Any]) -> None:
    kinds = pushes()
    assert {"bars.update", "position.updated", "signal.created"} <= {tag_of(kind) for kind in kinds}
    for kind in kinds:
        message: Push = msgspec.convert({"type": tag_of(kind), **sample(inspect.type_info(kind))}, kind)
        check(asyncapi, json.loads(encode(message)))


def test_every_operation_has_its_answer_in_the_document(asyncapi: dict[str, Any]) -> None:
    for operation in asyncapi["operations"].values():
        if operation["action"] == "receive":
            [reply] = operation["reply"]["messages"]
            assert reply["$ref"].removeprefix("#/channels/socket/messages/") in asyncapi["components"]["messages"]


@pytest.fixture
def socket(live: LiveServer) -> Iterator[ClientConnection]:
    ann = live.register(f"asyncapi_{uuid.uuid4().hex[:8]}")
    with connect(f"{live.sockets}/api/v1/ws?token={ann.token}") as socket:
        yield socket


@pytest.mark.live
def test_a_running_server_says_what_the_document_says(asyncapi: dict[str, Any], socket: ClientConnection) -> None:
    """Every operation but `auth`, asked and answered, with whatever is pushed meanwhile."""
    asked = [one.name for one in operations() if one.name != "auth"]
    for number, name in enumerate([*asked, "ping"]):
        request = {"type": name, "id": number, "payload": ASKED.get(name, {})}
        check(asyncapi, request)
        socket.send(json.dumps(request))
        message: dict[str, Any] = {}
        while message.get("id") != number:
            message = json.loads(socket.recv(10))
            check(asyncapi, message)
        assert message["type"] == ("pong" if name == "ping" else f"{name}.response"), message


@pytest.mark.live
def test_a_refusal_is_as_the_document_says(asyncapi: dict[str, Any], socket: ClientConnection) -> None:
    for request in ({"type": "bars.subscribe", "payload": {"symbol": "NOPE"}}, {"type": "no.such"}, {"payload": 1}):
        socket.send(json.dumps(request))
        message = json.loads(socket.recv(10))
        assert message["type"] == "error"
        check(asyncapi, message)


@pytest.fixture(scope="module")
def parser() -> Path:
    """The folder with the AsyncAPI project's own parser."""
    assert shutil.which("npm"), "npm is missing, and this test needs it: install Debian's packages nodejs and npm"
    subprocess.run(["make", "-s", "web/generate/node_modules/.package-lock.json"], cwd=ROOT, timeout=300, check=True)
    return ROOT / "web" / "generate"


@pytest.mark.node
def test_the_asyncapi_projects_own_parser_finds_no_fault(parser: Path) -> None:
    assert [fault for fault in diagnosed(parser, ROOT / "docs" / "asyncapi.json") if fault["severity"] <= 1] == []


@pytest.mark.node
def test_the_parser_would_find_one(parser: Path, tmp_path: Path) -> None:
    broken = json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
    del broken["channels"]["socket"]["messages"]["BarsUpdate"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    assert any(fault["severity"] == 0 for fault in diagnosed(parser, tmp_path / "broken.json"))


def diagnosed(parser: Path, document: Path) -> list[dict[str, Any]]:
    """What the parser has to say of `document`; of severity 0 are errors, 1 warnings."""
    done = subprocess.run(
        [node(), "parse.mjs", str(document)], cwd=parser, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
