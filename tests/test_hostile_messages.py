"""Messages that no client of ours sends: each gets an error that names the field, and the connection stays."""

import typing
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from channels.testing import WebsocketCommunicator

from datafeed.models import Instrument
from kernel.background import on_thread
from kernel.realtime.hub import close_hub
from kernel.realtime.operations import operations
from signalbox.asgi import application
from tests.conversation import Conversation, envelope
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["/api/v1/ws", "/ws", "/ws/notifications", "/api/ws/notification"]
# A valid payload of each operation; a new operation needs a line here.
PAYLOADS: dict[str, dict[str, Any]] = {
    "auth": {"token": "x"},
    "bars.subscribe": {"symbol": "ACME", "resolution": "1D", "params": {"resolution": "1D"}},
    "bars.unsubscribe": {"symbol": "ACME", "resolution": "1D", "params": {"resolution": "1D"}},
    "jobs.subscribe": {"id": "x"},
    "notifications.ack": {"stream": "all", "seq": 0, "ids": ["00000000-0000-0000-0000-000000000000"]},
    "notifications.read": {"ids": ["00000000-0000-0000-0000-000000000000"]},
    "notifications.subscribe": {
        "streams": {}, "topics": ["x"], "types": ["info"], "min_priority": "low",
    },
    "notifications.unsubscribe": {},
    "portfolio.subscribe": {},
    "portfolio.unsubscribe": {},
    "quotes.subscribe": {"symbols": ["ACME"], "fast_symbols": []},
    "quotes.unsubscribe": {"symbols": ["ACME"], "fast_symbols": []},
    "signals.subscribe": {"formula_ids": [1], "symbols": ["ACME"]},
    "signals.unsubscribe": {"formula_ids": [1]},
}  # fmt: skip
WRONG: list[Any] = [True, 5, 1.5, {"x": 1}, [{}], [[]], [None], [True], [2**70], [-1], {"": None}, ["x" * 5_000]]


@pytest.fixture(autouse=True)
async def _clean_hub() -> AsyncIterator[None]:
    yield
    await close_hub()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits on messages have tests of their own; here they would end the conversation."""
    monkeypatch.setattr("kernel.realtime.endpoint.MOST_MISTAKES", 10**9)
    monkeypatch.setattr("kernel.realtime.endpoint.BURST", 1e9)


async def bearer(world: World) -> str:
    return f"Bearer {await on_thread(world.token, 'ann')}"


def fields_of(request: Any) -> dict[str, Any]:
    return {field.encode_name: field for field in msgspec.structs.fields(request)}


def test_every_operation_has_a_sample() -> None:
    for operation in operations():
        assert operation.name in PAYLOADS
        assert set(fields_of(operation.request)) == set(PAYLOADS[operation.name]), operation.name


def takes(kind: Any, value: Any) -> bool:
    """Whether the declared type has room for `value`."""
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError):
        return False
    return True


async def test_a_field_of_the_wrong_type_is_named_in_an_error_with_the_messages_id() -> None:
    world = await on_thread(World)
    talk = await Conversation(await bearer(world)).open()
    for operation in operations():
        if operation.name == "auth":
            continue  # a bad token ends the connection, as it should
        sample = PAYLOADS[operation.name]
        hints = typing.get_type_hints(operation.request, include_extras=True)
        for field in sample:
            for value in WRONG:
                answer = await talk.answer_to(envelope(operation.name, {**sample, field: value}))
                assert answer["id"] == 7
                if not takes(hints[field], value):
                    assert answer["type"] == "error", (operation.name, field, value)
                assert answer["type"] != "error" or answer["payload"]["code"] != "internal_error", (field, value)
                if answer["type"] == "error":
                    assert any(name.startswith(field) for name in answer["payload"]["errors"]), (field, value, answer)
        answer = await talk.answer_to(envelope(operation.name, {**sample, "nobody": 1}))
        assert (answer["type"], answer["id"], list(answer["payload"]["errors"])) == ("error", 7, ["nobody"])
    await talk.close()


async def test_a_field_that_is_missing_is_named() -> None:
    world = await on_thread(World)
    talk = await Conversation(await bearer(world)).open()
    for name, field in (("bars.subscribe", "symbol"), ("notifications.read", "ids")):
        answer = await talk.answer_to(envelope(name, {}))
        assert list(answer["payload"]["errors"]) == [field]
    answer = await talk.answer_to(envelope("notifications.subscribe", {"streams": {"all": {"seq": 1}}}))
    assert list(answer["payload"]["errors"]) == ["streams[...].epoch"]
    await talk.close()


BROKEN = [
    "", "{", "[]", "null", '"x"', "5", "nothing", "{'a': 1}", '{"type": 5, "id": 7}', '{"id": 7}',
    '{"type": null, "id": 7}',
    '{"type": "ping", "payload": NaN}', '{"type": "bars.subscribe", "payload": "\\ud800"}', "[" * 50_000,
    '{"a":' * 10_000,
    '{"type": "bars.subscribe", "payload": ' + "[" * 50_000 + "]" * 10_000 + "}", '{"type": "\\u0000"}', "\x00",
    "\ud7ff",
    '{"type": "websocket.disconnect", "id": 7}', '{"type": "notif", "id": 7}', '{"type": "__class__", "id": 7}',
    "x" * 70_000,
    '{"type": "ping", "id": 1180591620717411303424}', '{"type": "ping", "id": {}}', '{"type": "ping", "id": [1]}',
    '{"type": "nothing", "id": 1e400}', '{"type": "nothing", "id": "' + "x" * 5_000 + '"}',
    '{"type": "' + "x" * 5_000 + '"}',
    '{"type": "bars.subscribe", "payload": {"symbol": "a\\u0000b"}, "id": 7}',
    '{"type": "signals.unsubscribe", "payload": {"formula_ids": [1180591620717411303424]}}',
    '{"type": "bars.subscribe", "payload": null, "id": 7}', '{"type": "bars.subscribe", "payload": [], "id": 7}',
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_no_message_is_answered_with_an_error(path: str) -> None:
    world = await on_thread(World)
    talk = await Conversation(await bearer(world), path).open()
    for text in BROKEN:
        answer = await talk.answer_to(text)
        assert answer["type"] == "error", text[:80]
        assert answer["payload"]["code"] != "internal_error", text[:80]
        assert answer.get("id") == (7 if '"id": 7' in text else None), text[:80]
    assert (await talk.answer_to('{"type": "ping"}'))["type"] == "pong"
    await talk.close()


@pytest.mark.parametrize("path", [*PATHS, "/notifications/ws/{user_id}"])
async def test_bytes_and_odd_addresses_end_nothing_by_accident(path: str) -> None:
    world = await on_thread(World)
    address = path.format(user_id=world.ann.pk)
    talk = Conversation(await bearer(world), address)
    talk.socket.scope["query_string"] = b"plain=\xff\xfe&x=%00&%"
    await talk.open()
    assert (await talk.answer_to('{"type": "ping"}'))["type"] == "pong"
    await talk.socket.send_to(text_data="ping")
    assert await talk.socket.receive_from(timeout=5)
    await talk.socket.send_to(bytes_data=b"\x00\xff")
    while (output := await talk.socket.receive_output(timeout=5))["type"] != "websocket.close":
        pass
    assert output["code"] == 4400


async def test_after_too_many_mistakes_the_connection_ends_with_4400(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.realtime.endpoint.MOST_MISTAKES", 20)
    world = await on_thread(World)
    talk = await Conversation(await bearer(world)).open()
    for _ in range(20):
        await talk.answer_to("{")
    output = await talk.socket.receive_output(timeout=5)
    assert (output["type"], output["code"]) == ("websocket.close", 4400)


@pytest.mark.parametrize("seq", [-1, 1.5, 2**63, 2**70, "1", "text", None, True, [], {}])
async def test_a_place_to_resume_from_that_cannot_be_is_refused_by_name(seq: Any) -> None:
    world = await on_thread(World)
    talk = await Conversation(await bearer(world)).open()
    answer = await talk.answer_to(envelope("notifications.subscribe", {"streams": {"all": {"epoch": "x", "seq": seq}}}))
    assert (answer["type"], answer["id"], list(answer["payload"]["errors"])) == ("error", 7, ["streams[...].seq"])
    answer = await talk.answer_to(envelope("notifications.subscribe", {"streams": {"all": {"epoch": seq, "seq": 1}}}))
    assert isinstance(seq, str) or list(answer["payload"]["errors"]) == ["streams[...].epoch"]
    assert (await talk.answer_to(envelope("ping", {})))["type"] == "pong"
    await talk.close()


SYMBOLS = [
    "", " ", "BTC/USDT", "a b", "*", "../ACME", "user:1", "quotes.ACME", "\x00", "ä€😀", "AC\nME", "%41CME", "{}", "?",
    "ACME' OR 1=1 --", "x" * 65, "x" * 129, "x" * 50_000, "x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("name", ["bars.subscribe", "quotes.subscribe"])
async def test_a_symbol_of_any_characters_is_refused_by_name(name: str) -> None:
    await on_thread(World)
    talk = await Conversation().open()
    for symbol in SYMBOLS:
        payload = {"symbols": [symbol]} if name.startswith("quotes") else {"symbol": symbol, "resolution": "1D"}
        answer = await talk.answer_to(envelope(name, payload))
        assert answer["type"] == "error", symbol[:20]
        assert answer["payload"]["status"] in {400, 404, 422}, symbol[:20]
        # A message that is too long is not read at all, so neither is its id.
        if len(symbol) < 60_000:
            assert answer["id"] == 7, symbol[:20]
            assert str(answer["payload"]["errors"]).startswith("{'symbol"), symbol[:20]
    assert (await talk.answer_to(envelope("ping", {})))["type"] == "pong"
    await talk.close()


def list_instruments(count: int) -> list[str]:
    common = {"exchange": "NYSE", "session": "24x7", "timezone": "Etc/UTC"}
    made = Instrument.objects.bulk_create(Instrument(symbol=f"S{number}", **common) for number in range(count))
    return [instrument.symbol for instrument in made]


async def test_a_connection_has_500_subscriptions_and_the_same_one_again_is_not_another() -> None:
    symbols = await on_thread(list_instruments, 501)
    talk = await Conversation().open()
    for start in range(0, 500, 100):
        answer = await talk.answer_to(envelope("quotes.subscribe", {"symbols": symbols[start : start + 100]}))
        assert answer["type"] == "quotes.subscribe.response", answer
    for _ in range(10):
        answer = await talk.answer_to(envelope("quotes.subscribe", {"symbols": symbols[:100]}))
        assert answer["type"] == "quotes.subscribe.response", answer
    assert (await talk.answer_to(envelope("quotes.subscribe", {"symbols": symbols[500:]})))["type"] == "error"
    await talk.answer_to(envelope("quotes.unsubscribe", {"symbols": symbols[:1]}))
    answer = await talk.answer_to(envelope("quotes.subscribe", {"symbols": symbols[500:]}))
    assert answer["type"] == "quotes.subscribe.response"
    await talk.close()


HANDSHAKES: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"host": "testserver"}, True),
    ({"host": "testserver:8000", "origin": "http://testserver:8000"}, True),
    ({"host": "testserver", "origin": "https://evil.example"}, False),
    ({"host": "testserver", "origin": "null"}, False),
    ({"host": "testserver", "origin": "http://testserver.evil.example"}, False),
    ({"host": "testserver", "origin": "http://testserver:81"}, False),
    ({"host": "testserver", "origin": "http://evil@testserver"}, False),
    ({"host": "testserver", "origin": "http://testserver/"}, False),
    ({"host": "testserver", "origin": "http://["}, False),
    ({"host": "testserver", "origin": ""}, False),
    ({"host": "evil.example"}, False),
    ({"host": "evil.example", "origin": "http://evil.example"}, False),
    ({"host": "testserver.evil.example"}, False),
    ({"host": ""}, False),
    ({"host": "a b"}, False),
]


async def test_a_page_of_another_site_or_name_is_refused() -> None:
    for headers, is_welcome in HANDSHAKES:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        socket = WebsocketCommunicator(application, "/api/v1/ws", headers=sent)
        assert (await socket.connect(timeout=5))[0] is is_welcome, headers
        if is_welcome:
            await socket.disconnect()


async def test_a_socket_path_that_does_not_exist_is_refused() -> None:
    for path in ("/ws/nothing", "/api/v1/formulas", "/", "/api/v2/ws", "/ws/../ws", "/notifications/ws/", "/%00"):
        assert (await WebsocketCommunicator(application, path).connect(timeout=5))[0] is False, path


OTHERS = ["{other}", "0{own}", "{own} ", " {own}", "{own}.0", "-{own}", "me", "None", "٣", "{own}%20", "1e0"]


async def test_a_path_that_names_anybody_else_closes_with_4403() -> None:
    world = await on_thread(World)
    credential = f"Bearer {await on_thread(world.token, 'ann')}".encode()
    for other in OTHERS:
        user_id = other.format(own=world.ann.pk, other=world.people["ben"].pk)
        headers = [(b"authorization", credential)]
        socket = WebsocketCommunicator(application, "/notifications/ws/x", headers=headers)
        socket.scope["path"] = f"/notifications/ws/{user_id}"
        await socket.connect(timeout=5)
        output = await socket.receive_output(timeout=5)
        assert (output["type"], output["code"]) == ("websocket.close", 4403), other
