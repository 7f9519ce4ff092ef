"""Clients as they should be: each keeps its positions, comes back with them, and notes what it is told."""

import asyncio
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec

from tests.frames import CLOSE, PING, PONG, TEXT, frame
from tests.raw import HOST

PATH = "/api/v1/ws"
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
# Of a client that does not read, so that what the system keeps for it is soon full.
NARROW = 4_096


class Said(msgspec.Struct):
    """A message of the server, as far as it matters here."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    stream: str = ""
    epoch: str = ""
    seq: int = 0
    id: str | int | None = None


class Titled(msgspec.Struct):
    title: str


class Streams(msgspec.Struct):
    streams: dict[str, dict[str, Any]]


_said = msgspec.json.Decoder(Said)
_titled = msgspec.json.Decoder(Titled)
_streams = msgspec.json.Decoder(Streams)


@dataclass(frozen=True, slots=True)
class Told:
    """One notification: its title, and when it came (monotonic seconds)."""

    title: str
    at: float


class Reader(asyncio.Protocol):
    """One client of `person`, whose connection goes to the next of `ports` whenever one is lost.

    `began` has the position from which it knows each stream, `told` what each has told since; `faults` is what a
    server must never do; `closes` has a close code for each connection that the server ended, none where there was no
    goodbye; `acknowledged` is how far the server has taken down what came, by stream.
    """

    def __init__(self, person: int, token: str, ports: Sequence[int], *, hurries: bool = False) -> None:
        self.person, self.token, self.ports, self.hurries = person, token, list(ports), hurries
        self.positions: dict[str, dict[str, Any]] = {}
        self.began: dict[str, int] = {}
        self.told: dict[str, list[Told]] = {}
        self.faults: list[str] = []
        self.closes: list[int | None] = []
        self.said: list[str] = []
        self.acknowledged: dict[str, int] = {}
        self.is_live, self.stays, self.is_narrow = False, True, False
        self.transport: asyncio.Transport | None = None
        self._buffer, self._shook_hands = b"", False
        self._has_hung_up = False
        self._code: int | None = None
        self._pause = FIRST_PAUSE

    @property
    def port(self) -> int:
        """Where it is connected, or is about to be."""
        return self.ports[0]

    async def connect(self) -> None:
        """Connect, or try again after a while."""
        own = socket.socket()
        own.setblocking(False)
        if self.is_narrow:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(loop.sock_connect(own, ("127.0.0.1", self.port)), 5)
            await loop.create_connection(lambda: self, sock=own)
        except OSError:
            own.close()
            self._come_back()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._buffer, self._shook_hands, self._code = b"", False, None
        self._has_hung_up = False
        if not self.stays:
            transport.close()
            return
        transport.write(
            f"GET {PATH} HTTP/1.1\r\n{HOST.decode()}Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.transport, self.is_live = None, False
        if self._shook_hands and not self._has_hung_up:
            self.closes.append(self._code)
        if self.stays:
            self._come_back()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._shook_hands:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:20]:
                self._hang_up()
                return
            self._shook_hands, self._buffer = True, rest
            self.say("notifications.subscribe", {"streams": self.positions})
        self._read_frames()

    def own_port(self) -> int:
        """Of its own end of the connection."""
        assert self.transport
        return int(self.transport.get_extra_info("sockname")[1])

    def slam(self) -> None:
        """End the connection without a word, and come back to where it was."""
        if self.transport and self._shook_hands:
            self._has_hung_up = True
            self.ports = [self.ports[-1], *self.ports[:-1]]
            self.transport.abort()

    def acknowledge(self, stream: str) -> None:
        """Say that everything of the stream has come that has come."""
        if seq := self.positions[stream]["seq"]:
            self.say("notifications.ack", {"stream": stream, "seq": seq}, f"{stream}@{seq}")

    def stop_reading(self) -> None:
        if self.transport:
            self.transport.pause_reading()

    def read_on(self) -> None:
        if self.transport:
            self.transport.resume_reading()

    def say(self, kind: str, payload: Any, id: str | None = None) -> None:
        if self.transport:
            self.transport.write(frame(TEXT, json.dumps({"type": kind, "id": id, "payload": payload}).encode()))

    def _read_frames(self) -> None:
        data, at = self._buffer, 0
        while len(data) - at >= 2:
            length, start = data[at + 1], at + 2
            if length > 125:
                wide = 2 if length == 126 else 8
                length, start = int.from_bytes(data[start : start + wide], "big"), start + wide
            if len(data) < start + length:
                break
            kind, at = data[at] & 0x0F, start + length
            self._take(kind, data[start:at])
        self._buffer = data[at:]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self._hear(_said.decode(payload))
        elif kind == PING and self.transport:
            self.transport.write(frame(PONG, payload))
        elif kind == CLOSE:
            self._code = int.from_bytes(payload[:2], "big")
            self._hang_up()

    def _hear(self, said: Said) -> None:
        if said.type == "notification":
            self._note(said)
        elif said.type == "notifications.live":
            self._begin(_streams.decode(said.payload).streams)
        elif said.type == "notifications.ack.response":
            stream, _, seq = str(said.id).rpartition("@")
            self.acknowledged[stream] = max(int(seq), self.acknowledged.get(stream, 0))
        else:
            self.said.append(said.type)
            if said.type == "reset":
                self.faults.append(f"reset {bytes(said.payload)!r}")

    def _note(self, said: Said) -> None:
        last = self.positions.get(said.stream, {"seq": 0})["seq"]
        if said.seq != last + 1:
            self.faults.append(f"{said.stream}: {said.seq} after {last}")
            if said.seq <= last:
                return
        self.positions[said.stream] = {"epoch": said.epoch, "seq": said.seq}
        self.told.setdefault(said.stream, []).append(Told(_titled.decode(said.payload).title, time.monotonic()))

    def _begin(self, streams: dict[str, dict[str, Any]]) -> None:
        for name, position in streams.items():
            if name not in self.began:
                self.began[name] = position["seq"]
                self.positions[name] = position
            elif position != self.positions[name]:
                self.faults.append(f"{name}: live at {position}, told up to {self.positions[name]}")
        self.is_live, self._pause = True, FIRST_PAUSE

    def _hang_up(self) -> None:
        if self.transport:
            self.transport.close()

    def _come_back(self) -> None:
        self.ports = [*self.ports[1:], self.ports[0]]
        wait = 0.05 if self.hurries else self._pause * random.uniform(0.5, 1.0)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        loop = asyncio.get_running_loop()
        loop.call_later(wait, lambda: self.stays and self._begin_connecting(loop))

    def _begin_connecting(self, loop: asyncio.AbstractEventLoop) -> None:
        self._connecting = loop.create_task(self.connect())


class Crowd:
    """Readers on a loop and a thread of their own."""

    def __init__(self) -> None:
        self.readers: list[Reader] = []
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()
        asyncio.run_coroutine_threadsafe(_end_the_rest(), self.loop).result(timeout=30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()

    def do(self, call: Callable[[], object]) -> None:
        """Run `call` on the readers' loop, and wait for it."""

        async def called() -> None:
            call()

        asyncio.run_coroutine_threadsafe(called(), self.loop).result(timeout=30)

    def join(self, readers: Iterable[Reader], within: float = 30.0) -> float:
        """Let so many more connect at once; the seconds until all are live."""
        new, began = list(readers), time.monotonic()
        self.readers += [reader for reader in new if reader not in self.readers]
        for reader in new:
            reader.stays = True
            asyncio.run_coroutine_threadsafe(reader.connect(), self.loop)
        until(lambda: all(reader.is_live for reader in new), within, "some readers did not go live")
        return time.monotonic() - began

    def leave(self) -> None:
        """Let all hang up and stay away."""

        def hang_up() -> None:
            for reader in self.readers:
                reader.stays = False
                reader._hang_up()

        self.do(hang_up)
        until(lambda: not any(reader.transport for reader in self.readers), 10, "some readers did not hang up")

    @contextmanager
    def restless(self) -> Iterator[None]:
        """Meanwhile some slam their connections and come back, and others acknowledge what has come."""
        stirring = asyncio.run_coroutine_threadsafe(self._stir(random.Random(1)), self.loop)
        yield
        stirring.cancel()

    async def _stir(self, dice: random.Random) -> None:
        while True:
            await asyncio.sleep(0.05)
            dice.choice(self.readers).slam()
            for reader in dice.sample(self.readers, k=min(5, len(self.readers))):
                if reader.is_live and reader.positions:
                    reader.acknowledge(dice.choice(list(reader.positions)))

    def faults(self) -> list[str]:
        """What the servers did that they must not, of any reader."""
        return [
            f"reader {number} of person {reader.person}: {fault}"
            for number, reader in enumerate(self.readers)
            for fault in reader.faults
        ]


async def _end_the_rest() -> None:
    """Of readers that are on their way to a server."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def until(condition: Callable[[], object], within: float, otherwise: Callable[[], str] | str) -> None:
    """Wait for `condition`; fails with `otherwise` where it does not come."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.02)
