"""Kite Connect on loopback: instruments and candles over REST, and the ticker's binary packets."""

import asyncio
import contextlib
import json
import random
import struct
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from datafeed.bars import RawBar
from datafeed.tests.vendors.tape import Tape, Trade, now
from datafeed.tests.vendors.web import Asked, Said, Web, said_json

INDIA = ZoneInfo("Asia/Kolkata")
INFY, USDINR, NIFTY = 408065, 1_234_435, 256265
"""A share of NSE, a currency future of CDS (its lowest byte is 3) and an index (9)."""

COLUMNS = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)


class KiteServer(Web):
    """One account with one access token, and the trades of a tape for every instrument.

    `mute` sends heartbeats alone; `repeat` sends every packet twice; `shuffle` mixes the packets of a frame;
    `garbage` mixes frames in that are none; `history_lags` is how many seconds candles come late.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tapes = {INFY: Tape(1), USDINR: Tape(2), NIFTY: Tape(3)}
        self.token = "fresh"
        self.mute = self.repeat = self.shuffle = self.garbage = False
        self.history_lags = 0.0
        self.session: tuple[int, int] | None = None
        """The instants between which trades happen; always where there is none."""
        self.subscribed: list[Any] = []
        self.connected = 0
        self._connections: set[ServerConnection] = set()
        self._dice = random.Random(7)

    # REST.

    def answer(self, asked: Asked) -> Said:
        if (
            asked.headers.get("Authorization") != f"token key:{self.token}"
            or asked.headers.get("X-Kite-Version") != "3"
        ):
            body = {
                "status": "error",
                "message": "Incorrect `api_key` or `access_token`.",
                "error_type": "TokenException",
            }
            return said_json(body, 403)
        match asked.path.strip("/").split("/"):
            case ["instruments"] | ["instruments", "NSE"]:
                rows = [
                    f"{INFY},1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE",
                    f"{NIFTY},1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
                ]
                return Said("\n".join([COLUMNS, *rows]).encode(), headers={"Content-Type": "text/csv"})
            case ["instruments", "historical", token, interval] if token.isdigit() and int(token) in self.tapes:
                return self._candles(self.tapes[int(token)], interval, asked.query)
        return _error("invalid token", "InputException", 400)

    def _candles(self, tape: Tape, interval: str, query: dict[str, str]) -> Said:
        since, until = (
            datetime.strptime(query[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=INDIA).timestamp()
            for name in ("from", "to")
        )
        if until - since > timedelta(days=60).total_seconds():
            return _error("interval exceeds max limit: 60 days", "InputException", 400)
        assert interval == "minute"
        # A real candle is there once its minute has begun; the invented past is the session, or two hours.
        since = max(since, self.session[0] if self.session else now() - 7_200)
        bars = tape.bars(int(since), min(until, now() - self.history_lags))
        candles = [_candle(bar) for bar in bars if self._is_open(bar.opened_at)]
        return said_json({"status": "success", "data": {"candles": candles}})

    def _is_open(self, at: float) -> bool:
        return self.session is None or self.session[0] <= at < self.session[1]

    # The ticker.

    def listening(self) -> Any:
        """The ticker as a context; its address is in `ticker_url`."""
        return _Ticker(self)

    async def follow(self, connection: ServerConnection) -> None:
        self.connected += 1
        self._connections.add(connection)
        tokens: list[int] = []
        sending = asyncio.create_task(self._send(connection, tokens))
        try:
            async for message in connection:
                said = json.loads(message)
                self.subscribed.append(said)
                if said["a"] == "subscribe":
                    tokens[:] = said["v"]
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            self._connections.discard(connection)

    @property
    def is_followed(self) -> bool:
        return bool(self._connections)

    def drop(self) -> None:
        """Cut every connection, without a goodbye."""
        for connection in list(self._connections):
            connection.transport.abort()

    async def tell(self, frame: str | bytes) -> None:
        """Send `frame` as it is to everybody."""
        for connection in list(self._connections):
            await connection.send(frame)

    async def _send(self, connection: ServerConnection, tokens: list[int]) -> None:
        after: dict[int, float] = {}
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(0.01)
                if self.mute:
                    await connection.send(b"\x00")
                    continue
                until, packets = now(), list[bytes]()
                for token in tokens:
                    packets += self._packets(token, after.get(token), until)
                    after[token] = until
                await self._send_packets(connection, packets)

    def _packets(self, token: int, after: float | None, until: float) -> list[bytes]:
        tape = self.tapes[token]
        # Who subscribes is told the last trade at once.
        trades = tape.between(until - 300, until)[-1:] if after is None else tape.between(after, until)
        return [full_packet(token, trade, tape.total(trade)) for trade in trades if self._is_open(trade.at)]

    async def _send_packets(self, connection: ServerConnection, packets: list[bytes]) -> None:
        if self.repeat:
            packets = [packet for packet in packets for _ in range(2)]
        if self.shuffle:
            packets = _shuffled(packets, self._dice)
        if self.garbage and self._dice.random() < 0.2:
            short, odd = frame_of(packets)[:-3], frame_of([b"\x01" * 9])
            for frame in (b"\x00\x05\x00", short, odd, b"\xff" * 40, '{"type": "order"}', "?"):
                await connection.send(frame)
        if packets:
            await connection.send(frame_of(packets))


def _error(message: str, kind: str, status: int) -> Said:
    return said_json({"status": "error", "message": message, "error_type": kind}, status)


def _candle(bar: RawBar) -> list[Any]:
    moment = datetime.fromtimestamp(bar.opened_at, INDIA)
    return [moment.strftime("%Y-%m-%dT%H:%M:%S%z"), *map(float, bar[1:5]), int(bar.volume)]


class _Ticker:
    def __init__(self, server: KiteServer) -> None:
        self.server = server

    async def __aenter__(self) -> str:
        self._serving = await serve(self.server.follow, "127.0.0.1", 0, process_request=self._admit)
        return f"ws://127.0.0.1:{self._serving.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *error: object) -> None:
        self._serving.close()
        await self._serving.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        is_known = query.get("api_key") == ["key"] and query.get("access_token") == [self.server.token]
        return None if is_known else connection.respond(403, "Forbidden\n")


def frame_of(packets: list[bytes]) -> bytes:
    """Packets in one frame: their number, then each after its length."""
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(one)) + one for one in packets)


def full_packet(token: int, trade: Trade, total: int, divisor: int = 100) -> bytes:
    """The 184 bytes of the mode `full`, depth and all."""
    price = trade.cents * divisor // 100
    head = struct.pack(">11I", token, price, trade.size, price, total, 10, 10, price, price, price, price)
    times = struct.pack(">5I", trade.at, 0, 0, 0, trade.at)
    depth = b"".join(struct.pack(">IIHH", 5, price, 1, 0) for _ in range(10))
    return head + times + depth


def quote_packet(token: int, price: int, size: int, total: int) -> bytes:
    """The 44 bytes of the mode `quote`."""
    return struct.pack(">11I", token, price, size, price, total, 10, 10, price, price, price, price)


def ltp_packet(token: int, price: int) -> bytes:
    """The 8 bytes of the mode `ltp`."""
    return struct.pack(">II", token, price)


def index_packet(token: int, price: int, at: int | None = None) -> bytes:
    """The 28 bytes of an index, or 32 with the exchange's time."""
    body = struct.pack(">7I", token, price, price, price, price, price, 0)
    return body if at is None else body + struct.pack(">I", at)


def _shuffled(packets: list[bytes], dice: random.Random) -> list[bytes]:
    """The packets of each minute in another order."""
    minute_of = {packet: struct.unpack_from(">I", packet, 44)[0] // 60 for packet in packets}
    found: list[bytes] = []
    for minute in sorted(set(minute_of.values())):
        same = [packet for packet in packets if minute_of[packet] == minute]
        dice.shuffle(same)
        found += same
    return found
