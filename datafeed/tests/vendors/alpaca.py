"""Alpaca on loopback: bars by pages over REST, and its stream in JSON or MessagePack."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from datafeed.bars import RawBar
from datafeed.tests.vendors.tape import MINUTE, Tape, Trade, now
from datafeed.tests.vendors.web import Asked, Said, Web, said_json

A_PAGE = 50
BAR_AFTER = 1.0  # seconds after its end that a bar is sent


class AlpacaServer(Web):
    """One account, and the trades of a tape for AAPL and MSFT.

    `mute` says nothing, `repeat` says everything twice, `shuffle` mixes what is said at once, `garbage` adds what
    makes no sense, `correct` sends each minute's bar again with another close.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tapes = {"AAPL": Tape(11), "MSFT": Tape(12)}
        self.secret = "secret-of-ours"
        self.mute = self.repeat = self.shuffle = self.garbage = self.correct = False
        self.connected = 0
        self.packed = 0
        self._connections: set[ServerConnection] = set()
        self._dice = random.Random(8)

    def answer(self, asked: Asked) -> Said:
        if (asked.headers.get("Apca-Api-Key-Id"), asked.headers.get("Apca-Api-Secret-Key")) != ("key", self.secret):
            return said_json({"message": "forbidden."}, 403)
        match asked.path.strip("/").split("/"):
            case ["v2", "stocks", symbol, "bars"] if symbol in self.tapes:
                return self._bars(symbol, asked.query)
            case ["v2", "assets", symbol] if symbol in self.tapes:
                return said_json({"symbol": symbol, "name": "Apple Inc. Common Stock", "exchange": "NASDAQ"})
        return said_json({"code": 40410000, "message": f"asset not found for {asked.path}"}, 404)

    def _bars(self, symbol: str, query: dict[str, str]) -> Said:
        assert (query["timeframe"], query["sort"], query["feed"]) == ("1Min", "asc", "iex")
        since = datetime.fromisoformat(query["start"]).timestamp()
        since = int(query.get("page_token") or max(since, now() - 7_200))
        bars = self.tapes[symbol].bars(since, now())
        rest = bars[A_PAGE:]
        token = str(rest[0].opened_at) if rest else None
        return said_json(
            {"bars": [_bar(bar) for bar in bars[:A_PAGE]] or None, "symbol": symbol, "next_page_token": token}
        )

    def listening(self) -> Any:
        """The stream as a context that gives its address."""
        return _Stream(self)

    def drop(self) -> None:
        for connection in list(self._connections):
            connection.transport.abort()

    async def tell(self, message: Any) -> None:
        """Say one thing to everybody, packed."""
        for connection in list(self._connections):
            await connection.send(msgspec.msgpack.encode([message]))

    async def follow(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        is_packed = connection.request.headers.get("Content-Type") == "application/msgpack"
        self.connected, self.packed = self.connected + 1, self.packed + is_packed
        encode = msgspec.msgpack.encode if is_packed else lambda said: msgspec.json.encode(said).decode()
        decode = msgspec.msgpack.decode if is_packed else msgspec.json.decode
        self._connections.add(connection)
        sending: asyncio.Task[None] | None = None
        try:
            await connection.send(encode([{"T": "success", "msg": "connected"}]))
            async for message in connection:
                said = decode(message)
                if said["action"] == "auth" and (said["key"], said["secret"]) != ("key", self.secret):
                    await connection.send(encode([{"T": "error", "code": 402, "msg": "auth failed"}]))
                elif said["action"] == "auth":
                    await connection.send(encode([{"T": "success", "msg": "authenticated"}]))
                elif said["action"] == "subscribe":
                    told = {name: said.get(name, []) for name in ("trades", "bars", "updatedBars")}
                    await connection.send(encode([{"T": "subscription", "quotes": [], **told}]))
                    sending = asyncio.create_task(self._send(connection, encode, said["bars"], is_packed))
        except ConnectionClosed:
            pass
        finally:
            if sending:
                sending.cancel()
            self._connections.discard(connection)

    async def _send(self, connection: ServerConnection, encode: Any, symbols: list[str], is_packed: bool) -> None:
        after = now()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(0.005)
                until, messages = now(), list[dict[str, Any]]()
                for symbol in symbols:
                    messages += self._said(symbol, after, until)
                after = until
                if self.mute:
                    continue
                messages = [message for message in messages for _ in range(1 + self.repeat)]
                if self.shuffle:
                    self._dice.shuffle(messages)
                if self.garbage and self._dice.random() < 0.2:
                    messages += [{"T": "t", "S": symbols[0]}, {"T": "b", "S": symbols[0], "t": 7, "o": "x"}, {"T": "?"}]
                if messages:
                    await connection.send(encode(_timed(messages, is_packed)))

    def _said(self, symbol: str, after: float, until: float) -> list[dict[str, Any]]:
        tape = self.tapes[symbol]
        found = [_trade(symbol, trade) for trade in tape.between(after, until)]
        ended = int(until - BAR_AFTER) // MINUTE * MINUTE - MINUTE
        if after < ended + MINUTE + BAR_AFTER <= until:
            whole = {"S": symbol, **_bar(tape.bar(ended))}
            found.append({"T": "b", **whole})
            if self.correct:
                found.append({"T": "u", **whole, "v": whole["v"] + 1})
        return found


class _Stream:
    def __init__(self, server: AlpacaServer) -> None:
        self.server = server

    async def __aenter__(self) -> str:
        self._serving = await serve(self.server.follow, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._serving.sockets[0].getsockname()[1]}/v2"

    async def __aexit__(self, *error: object) -> None:
        self._serving.close()
        await self._serving.wait_closed()


def _text(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bar(bar: RawBar) -> dict[str, Any]:
    prices = dict(zip("ohlc", map(float, bar[1:5]), strict=True))
    return {"t": _text(bar.opened_at), **prices, "v": int(bar.volume), "n": 4, "vw": float(bar.close)}


def _trade(symbol: str, trade: Trade) -> dict[str, Any]:
    stamp = _text(trade.at).replace("Z", ".123456789Z")
    return {
        "T": "t",
        "S": symbol,
        "i": trade.number,
        "x": "V",
        "p": trade.cents / 100,
        "s": trade.size,
        "t": stamp,
        "c": ["@"],
        "z": "C",
    }


def _timed(messages: list[dict[str, Any]], is_packed: bool) -> list[dict[str, Any]]:
    """In MessagePack times are time stamps, not text."""
    if not is_packed:
        return messages
    return [
        {**said, "t": datetime.fromisoformat(said["t"][:19] + "+00:00")} if isinstance(said.get("t"), str) else said
        for said in messages
    ]
