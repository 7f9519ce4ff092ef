"""What is written straight to a connection: at once, joined, in order, and within bounds."""

import asyncio
import inspect
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import PreparedMessage
from twisted.internet import tcp
from twisted.internet.testing import MemoryReactor

from kernel.realtime.frames import Text, framed
from kernel.realtime.outlets import MOST_BYTES, ONE_WRITE, TOO_SLOW
from signalbox import wire
from signalbox.wire import BEAT, WireOutlet

SOME_BEATS = 4 * BEAT


class Protocol:
    """As much of Daphne's connection as an outlet uses, on one end of a pair of sockets."""

    def __init__(self) -> None:
        own, self.client = socket.socketpair()
        own.setblocking(False)
        self.client.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        self.transport: Any = tcp.Connection(own, None, MemoryReactor())
        self.transport.connected = 1
        self.send_queue: list[tuple[bytes, bool]] = []
        self.closed: list[int] = []

    def sendClose(self, code: int) -> None:  # noqa: N802  Daphne's name
        self.closed.append(code)

    def heard(self) -> bytes:
        """What has arrived at the client."""
        heard = b""
        while True:
            try:
                heard += self.client.recv(2**20)
            except BlockingIOError:
                return heard

    def drain(self) -> bytes:
        """Read on and let the reactor write until nothing more comes."""
        heard = self.heard()
        while self.transport.dataBuffer or self.transport._tempDataBuffer:
            self.transport.doWrite()
            heard += self.heard()
        return heard


@pytest.fixture
def protocol(monkeypatch: pytest.MonkeyPatch) -> Iterator[Protocol]:
    monkeypatch.setattr(wire, "beat", wire.Beat())  # a loop for each test, a beat for each loop
    made = Protocol()
    yield made
    made.client.close()
    made.transport.socket.close()


def frames_of(texts: list[str]) -> bytes:
    return b"".join(framed(text.encode()) for text in texts)


async def test_the_library_keeps_what_the_wire_relies_on(protocol: Protocol) -> None:
    transport = protocol.transport
    assert (transport.dataBuffer, transport._tempDataLen) == (b"", 0)
    assert transport.socket.send(b"") == 0
    transport.write(b"waits")
    assert transport._tempDataLen == len(b"waits")
    transport.doWrite()
    assert (transport.dataBuffer, transport._tempDataLen) == (b"", 0)
    assert protocol.heard() == b"waits"


def test_the_library_writes_nothing_past_send_data() -> None:
    writers = {
        name
        for name, method in inspect.getmembers(WebSocketServerProtocol, inspect.isfunction)
        if "transport.write" in inspect.getsource(method)
    }
    assert writers == {"sendData", "_send"}  # `_send` works off what `sendData` has queued


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 0xFFFF, 0x10000])
def test_frames_of_every_length_are_as_the_library_makes_them(length: int) -> None:
    payload = b"x" * length
    assert framed(payload) == PreparedMessage(payload, False, False, True).payloadHybi


async def test_the_first_is_written_at_once_and_what_follows_within_a_beat_together(protocol: Protocol) -> None:
    outlet, texts = WireOutlet(protocol), [f"n{number}" for number in range(5)]
    outlet.write(Text(texts[0]))
    assert protocol.heard() == frames_of(texts[:1])
    for text in texts[1:]:
        outlet.write(Text(text))
    assert protocol.heard() == b""
    await asyncio.sleep(SOME_BEATS)
    assert protocol.heard() == frames_of(texts[1:])


async def test_a_crowd_is_written_to_as_each_of_it_would_be(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is clear, one that has just written, one whose library writes, one that is full, closed, gone."""
    protocols = [protocol, *(Protocol() for _ in range(5))]
    outlets = [WireOutlet(one) for one in protocols]
    written, busy, full, closed = outlets[1:5]
    for outlet in outlets:
        outlet.write(Text("first"))
    await asyncio.sleep(SOME_BEATS)
    written.write(Text("just now"))
    protocols[2].transport.write(b"library")
    busy.may_wait = True
    full._send(b"x" * 2**20)
    closed.close(1000)
    protocols[5].transport.socket.close()
    WireOutlet.write_to_all(outlets, Text("to all"))
    heard_at_once = protocol.heard()
    await asyncio.sleep(SOME_BEATS)
    assert heard_at_once == frames_of(["first", "to all"])
    assert protocols[1].drain() == frames_of(["first", "just now", "to all"])
    assert protocols[2].drain() == frames_of(["first"]) + b"library" + frames_of(["to all"])
    assert protocols[3].drain() == frames_of(["first"]) + b"x" * 2**20 + frames_of(["to all"])
    assert protocols[4].heard() == frames_of(["first"])
    for one in protocols[1:5]:
        one.transport.socket.close()


async def test_of_a_state_only_the_newest_waits(protocol: Protocol) -> None:
    outlet = WireOutlet(protocol)
    outlet.write(Text("first"))
    for number in range(50):
        outlet.write(Text(f"tick {number}"), newest_only="bar")
    outlet.write(Text("last"))
    await asyncio.sleep(SOME_BEATS)
    assert protocol.heard() == frames_of(["first", "tick 49", "last"])


async def test_a_full_wire_holds_the_rest_back_and_goes_on_in_order(protocol: Protocol) -> None:
    outlet, texts = WireOutlet(protocol), [f"{number:04}" + "x" * 500 for number in range(200)]
    for text in texts:
        outlet.write(Text(text))
    await asyncio.sleep(SOME_BEATS)
    assert protocol.drain() == frames_of(texts)
    assert protocol.transport.producer is None
    outlet.write(Text("later"))
    await asyncio.sleep(SOME_BEATS)
    assert protocol.drain() == frames_of(["later"])
    assert not protocol.closed


async def test_whoever_does_not_read_is_closed_and_little_is_held_for_them(protocol: Protocol) -> None:
    outlet, text = WireOutlet(protocol), Text("x" * 3_000)
    for _ in range(300):
        outlet.write(text)
        if outlet.close_code:
            break
        await asyncio.sleep(0)
    assert (outlet.close_code, protocol.closed) == (TOO_SLOW, [TOO_SLOW])
    held = len(protocol.transport.dataBuffer) + sum(map(len, protocol.transport._tempDataBuffer))
    assert held <= ONE_WRITE
    assert MOST_BYTES + ONE_WRITE <= 256 * 1024
    heard = protocol.drain()
    assert heard == text.frame * (len(heard) // len(text.frame))  # whole frames: the goodbye behind them is read


async def test_what_waits_is_said_before_the_goodbye(protocol: Protocol) -> None:
    outlet = WireOutlet(protocol)
    outlet.write(Text("first"))
    outlet.write(Text("second"))
    outlet.close(4401)
    assert protocol.heard() == frames_of(["first", "second"])
    assert protocol.closed == [4401]
    outlet.write(Text("too late"))
    await asyncio.sleep(SOME_BEATS)
    assert protocol.heard() == b""


async def test_a_long_past_waits_for_room(protocol: Protocol) -> None:
    outlet = WireOutlet(protocol)

    async def resume() -> None:
        for number in range(400):
            await outlet.room()
            outlet.write(Text(f"{number:04}" + "x" * 2_000))

    resuming, heard = asyncio.create_task(resume()), b""
    while not resuming.done():
        await asyncio.sleep(BEAT)
        heard += protocol.drain()
    await asyncio.sleep(SOME_BEATS)
    heard += protocol.drain()
    assert heard == frames_of([f"{number:04}" + "x" * 2_000 for number in range(400)])
    assert not protocol.closed
