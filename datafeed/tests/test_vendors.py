"""Each vendor's provider against a server that speaks its protocol: the contracts, and what it alone promises."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from datafeed.providers import calls, streams
from datafeed.providers.alpaca import AlpacaProvider
from datafeed.providers.base import Listing, Provider, ProviderFailed, SeriesKey, Setup, SignInExpired
from datafeed.providers.ccxt import CcxtProvider
from datafeed.providers.kite import KiteProvider
from datafeed.providers.vendor import PolledVendor
from datafeed.providers.yfinance import YahooProvider
from datafeed.sessions import Hours
from datafeed.tests.vendor_contract import Garbled, VendorContract
from datafeed.tests.vendors.alpaca import AlpacaServer
from datafeed.tests.vendors.exchanges import BinanceServer, KrakenServer
from datafeed.tests.vendors.kite import (
    INFY,
    KiteServer,
    frame_of,
    full_packet,
    index_packet,
    ltp_packet,
    quote_packet,
)
from datafeed.tests.vendors.tape import Trade, hurried
from datafeed.tests.vendors.web import said_json
from datafeed.tests.vendors.yahoo import YahooServer
from kernel import clock

START = datetime(2026, 1, 6, 16, 0, 30, tzinfo=UTC)  # a Tuesday, markets open in New York
MINUTE, FIRST = 60, 1_767_711_600  # 15:00 on that day
ALWAYS = Hours("24x7", "Etc/UTC")


@pytest.fixture(autouse=True)
def _clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes pass at once where live bars are waited for."""
    monkeypatch.setattr(clock, "now", hurried(START, 300 if "live" in request.node.name else 1))
    monkeypatch.setattr(streams, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(PolledVendor, "poll_every", 0.01)
    monkeypatch.setattr(YahooProvider, "poll_every", 0.01)


@pytest.fixture
def quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "ANSWER_WITHIN", 0.1)


def garbled(answer: Any, nonsense: int) -> Garbled:
    return Garbled(said_json(answer), [FIRST, FIRST + 60, FIRST + 120], nonsense)


def closing(server: Any) -> Iterator[Any]:
    yield server
    server.close()


class TestKite(VendorContract):
    @pytest.fixture
    def vendor(self) -> Iterator[KiteServer]:
        yield from closing(KiteServer())

    @pytest.fixture
    async def provider(self, vendor: KiteServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
        async with vendor.listening() as ticker:
            yield kite(vendor, ticker, monkeypatch)

    @pytest.fixture
    def garbled(self) -> Garbled:
        rows: list[Any] = [[f"2026-01-06T20:{30 + n}:00+0530", 10, 11, 9, 10.5, 7] for n in range(3)]
        odd = [["yesterday", 1, 1, 1, 1, 1], ["2026-01-06T20:33:00+0530", 1, 2], 7, None, ["2026-01-06T20:34:00+0530"]]
        lies = [["2026-01-06T20:35:00+0530", 10, 9, 11, 10, 1], ["2026-01-06T20:36:00+0530", 10, 11, 9, 10, -1]]
        return garbled({"data": {"candles": [*odd, *reversed(rows), rows[0], *lies]}}, len(odd) + len(lies))


def kite(vendor: KiteServer, ticker: str, monkeypatch: pytest.MonkeyPatch, **values: str) -> KiteProvider:
    monkeypatch.setattr(KiteProvider, "rest_url", vendor.url)
    monkeypatch.setattr(KiteProvider, "stream_url", ticker)
    listings = {SeriesKey("INFY", "1"): Listing(str(INFY), ALWAYS)}
    return KiteProvider(Setup("kite", {"api_key": "key", "access_token": "fresh", **values}, listings))


class TestAlpaca(VendorContract):
    @pytest.fixture
    def vendor(self) -> Iterator[AlpacaServer]:
        yield from closing(AlpacaServer())

    @pytest.fixture
    async def provider(self, vendor: AlpacaServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
        async with vendor.listening() as stream:
            yield alpaca(vendor, stream, monkeypatch)

    @pytest.fixture
    def garbled(self) -> Garbled:
        row = {"o": 10, "h": 11, "l": 9, "c": 10.5, "v": 7}
        rows = [{"t": f"2026-01-06T15:0{n}:00Z", **row} for n in range(3)]
        odd = [{"t": "soon", **row}, row, 7, None, {"t": "2026-01-06T15:03:00Z", **row, "h": "NaN"}, {"t": 7, **row}]
        return garbled({"bars": [*odd, *reversed(rows)], "next_page_token": None}, len(odd))


def alpaca(vendor: AlpacaServer, stream: str, monkeypatch: pytest.MonkeyPatch) -> AlpacaProvider:
    monkeypatch.setattr(AlpacaProvider, "rest_url", vendor.url)
    monkeypatch.setattr(AlpacaProvider, "trading_url", vendor.url)
    monkeypatch.setattr(AlpacaProvider, "stream_url", stream)
    listings = {SeriesKey("AAPL", "1"): Listing("AAPL", ALWAYS)}
    return AlpacaProvider(Setup("alpaca", {"key_id": "key", "secret_key": "secret-of-ours"}, listings))


class TestYahoo(VendorContract):
    @pytest.fixture
    def vendor(self) -> Iterator[YahooServer]:
        yield from closing(YahooServer())

    @pytest.fixture
    def provider(self, vendor: YahooServer, monkeypatch: pytest.MonkeyPatch) -> Provider:
        monkeypatch.setattr(YahooProvider, "rest_url", vendor.url)
        monkeypatch.setattr(YahooProvider, "settles_after", 1.0)
        return YahooProvider(Setup("yfinance", {}, {SeriesKey("AAPL", "1"): Listing("AAPL", ALWAYS)}))

    @pytest.fixture
    def garbled(self) -> Garbled:
        times = [FIRST, FIRST + 60, FIRST + 120, "soon", FIRST + 240, FIRST + 300]
        columns: dict[str, list[Any]] = {name: [10, 10, 10, 10, "x", 10] for name in ("open", "high", "low", "close")}
        result = {
            "meta": {},
            "timestamp": times,
            "indicators": {"quote": [{**columns, "volume": [1, None, 1, 1, 1, -1]}]},
        }
        return garbled({"chart": {"result": [result]}}, 3)


class _Crypto(VendorContract):
    @pytest.fixture(autouse=True)
    def _unpaced(self, request: pytest.FixtureRequest, provider: CcxtProvider, vendor: Any) -> None:
        provider.exchange.enableRateLimit = False
        provider.exchange.options["maxRetriesOnFailureDelay"] = 1
        if "quick_to_give_up" in request.fixturenames:
            provider.exchange.timeout = 200


class TestKraken(_Crypto):
    @pytest.fixture
    def vendor(self) -> Iterator[KrakenServer]:
        yield from closing(KrakenServer())

    @pytest.fixture
    def provider(self, vendor: KrakenServer) -> Provider:
        provider = CcxtProvider(Setup("ccxt:kraken", {}, {SeriesKey("BTC/USD", "1"): Listing("BTC/USD", ALWAYS)}))
        provider.exchange.urls["api"] = {"public": vendor.url, "private": vendor.url}
        return provider

    @pytest.fixture
    def garbled(self) -> Garbled:
        row = ["10", "11", "9", "10.5", "10", "7", 1]
        rows = [[FIRST + 60 * n, *row] for n in range(3)]
        odd = [["soon", *row], [FIRST + 180, "x", "11", "9", "10", "10", "7", 1]]
        return garbled(
            {"error": [], "result": {"XXBTZUSD": [*odd, *rows], "last": 1}}, 1
        )  # ccxt drops what has no time by itself


class TestBinance(_Crypto):
    @pytest.fixture
    def vendor(self) -> Iterator[BinanceServer]:
        yield from closing(BinanceServer())

    @pytest.fixture
    def provider(self, vendor: BinanceServer) -> Provider:
        listings = {SeriesKey("BTC/USDT", "1"): Listing("BTC/USDT", ALWAYS)}
        provider = CcxtProvider(Setup("ccxt:main", {"exchange": "binance"}, listings))
        api = provider.exchange.urls["api"]
        provider.exchange.urls["api"] = dict.fromkeys(api, f"{vendor.url}/api/v3")
        provider.exchange.options["fetchMarkets"] = {"types": ["spot"]}
        return provider

    @pytest.fixture
    def garbled(self) -> Garbled:
        rows = [[(FIRST + 60 * n) * 1_000, "10", "11", "9", "10.5", "7"] for n in range(3)]
        odd = [[None, "10", "11", "9", "10", "7"], [(FIRST + 180) * 1_000, "10", "1", "90", "10", "7"]]
        return garbled([*odd, *rows], 1)


CDS, BCD = 1_234_435, 1_234_438  # the lowest byte of a token is its segment: 3 and 6


@pytest.mark.parametrize(
    ("packet", "price", "at"),
    [
        (ltp_packet(INFY, 10_250), "102.50", None),
        (quote_packet(INFY, 10_250, 5, 900), "102.50", None),
        (full_packet(INFY, Trade(FIRST, 10_250, 5, 1), 900), "102.50", FIRST),
        (index_packet(INFY, 2_214_500), "22145.00", None),
        (index_packet(INFY, 2_214_500, FIRST), "22145.00", FIRST),
        (ltp_packet(CDS, 834_525_000), "83.4525", None),
        (ltp_packet(BCD, 834_525), "83.4525", None),
    ],
    ids=["ltp", "quote", "full", "index", "index with time", "currency of NSE", "currency of BSE"],
)
def test_every_packet_of_kite_is_read_as_it_is_documented(packet: bytes, price: str, at: int | None) -> None:
    (token,) = struct.unpack_from(">I", packet)
    series = SeriesKey("X", "1")
    provider = KiteProvider(Setup("kite", {}, {series: Listing(str(token), ALWAYS)}))
    provider.begin_totals()
    ((heard_of, tick),) = provider.hear(frame_of([packet]))
    assert (heard_of, tick.price) == (series, Decimal(price))
    assert tick.at == at or (at is None and abs(tick.at - START.timestamp()) < 5)
    assert provider.put_aside == 0


def test_the_size_of_a_trade_at_kite_is_what_the_day_grew_by() -> None:
    provider = KiteProvider(Setup("kite", {}, {SeriesKey("INFY", "1"): Listing(str(INFY), ALWAYS)}))
    provider.begin_totals()
    packets = [full_packet(INFY, Trade(FIRST + n, 100, 1, n), total) for n, total in enumerate((900, 950, 930, 1_000))]
    next_day = full_packet(INFY, Trade(FIRST + 86_400, 100, 1, 9), 40)
    assert [tick.size for _, tick in provider.hear(frame_of([*packets, next_day]))] == [0, 50, 0, 50, 40]


def test_frames_of_kite_that_make_no_sense_are_put_aside_and_the_rest_is_taken() -> None:
    provider = KiteProvider(Setup("kite", {}, {SeriesKey("INFY", "1"): Listing(str(INFY), ALWAYS)}))
    provider.begin_totals()
    good = ltp_packet(INFY, 100)
    for frame in (b"\x00", b"", '{"type": "order", "data": {}}', "not JSON", frame_of([ltp_packet(7, 1)])):
        assert not list(provider.hear(frame))
    assert provider.put_aside == 0
    for frame in (frame_of([good, b"\x01" * 9]), frame_of([good, good])[:-1], b"\x00\x09" + frame_of([good])[2:]):
        assert len(list(provider.hear(frame))) == 1
    assert not list(provider.hear(b"\xff" * 64))
    assert provider.put_aside == 4
    with pytest.raises(ProviderFailed, match="We are sorry"):
        list(provider.hear('{"type": "error", "data": "We are sorry"}'))


async def test_kite_says_when_its_token_has_ended_and_never_which(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = KiteServer()
    async with vendor.listening() as ticker:
        provider = kite(vendor, ticker, monkeypatch, access_token="stale")
        with pytest.raises(SignInExpired, match="ends every morning") as failure:
            await provider.open_stream()
    vendor.close()
    assert "stale" not in str(failure.value)
    with pytest.raises(ProviderFailed) as gone:
        await provider.open_stream()
    assert not gone.value.is_permanent
    assert "stale" not in str(gone.value)


async def test_alpaca_refuses_a_wrong_secret_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = AlpacaServer()
    async with vendor.listening() as stream:
        provider = alpaca(vendor, stream, monkeypatch)
        vendor.secret = "another"
        with pytest.raises(SignInExpired, match="auth failed") as failure:
            await provider.open_stream()
    vendor.close()
    assert "secret-of-ours" not in str(failure.value)


def test_alpaca_is_heard_in_json_and_in_messagepack_alike() -> None:
    provider = AlpacaProvider(Setup("alpaca", {}, {SeriesKey("AAPL", "1"): Listing("AAPL", ALWAYS)}))
    bar = {"T": "b", "S": "AAPL", "o": 1, "h": 3, "l": 1, "c": 2, "v": 7}
    trade = {"T": "t", "S": "AAPL", "i": 5, "p": 1.5, "s": 10, "c": ["@"]}
    odd = {**trade, "i": 6, "c": ["@", "I"]}
    text = [{**said, "t": "2026-01-06T15:00:00.5Z"} for said in (bar, trade, odd)]
    moment = datetime(2026, 1, 6, 15, 0, 0, 500_000, tzinfo=UTC)
    packed = [{**said, "t": moment} for said in (bar, trade, odd)]
    heard = list(provider.hear(json.dumps(text)))
    assert heard == list(provider.hear(msgspec.msgpack.encode(packed)))
    (_, first), (_, second) = heard
    assert (first.opened_at, first.close, second.at, second.price) == (FIRST, 2, FIRST + 0.5, Decimal("1.5"))
    with pytest.raises(ProviderFailed, match="connection limit exceeded"):
        list(provider.hear('[{"T": "error", "code": 406, "msg": "connection limit exceeded"}]'))


async def test_a_correction_of_alpaca_s_is_counted_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", hurried(START, 300))
    vendor = AlpacaServer()
    vendor.correct = vendor.repeat = vendor.shuffle = vendor.garbage = True
    closed: dict[int, list[Any]] = {}
    async with vendor.listening() as stream, asyncio.timeout(20):
        provider = alpaca(vendor, stream, monkeypatch)
        key = provider.series()[0]
        async for update in provider.live({key: FIRST}):
            if update.is_closed:
                closed.setdefault(update.bar.opened_at, []).append(update.bar)
            if len(closed) > 70:
                break
    vendor.close()
    assert all(len(bars) == 1 for bars in closed.values())
    first = {opened_at: bars[0] for opened_at, bars in closed.items()}
    assert list(first) == sorted(first)
    said = {opened_at: vendor.tapes["AAPL"].bar(opened_at) for opened_at in first}
    # A correction that overtakes the bar it corrects is the first word.
    assert all(bar.volume - said[opened_at].volume in {0, 1} for opened_at, bar in first.items())
    assert provider.corrections > 0
    assert "later words on closed bars" in provider.standing({})


def test_days_of_yahoo_are_stamped_by_their_day_and_adjusted_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = YahooServer()
    monkeypatch.setattr(YahooProvider, "rest_url", vendor.url)
    monkeypatch.setattr(calls.Calls, "_wait_for_turn", lambda self: None)
    series = SeriesKey("AAPL", "1D")
    listings = {series: Listing("AAPL", Hours("0930-1600", "America/New_York"))}
    closes = {}
    for adjustment in ("split", "all"):
        provider = YahooProvider(Setup("yfinance", {"adjustment": adjustment}, listings))
        bars = list(provider.history(series, None))
        assert all(bar.opened_at % 86_400 == 0 for bar in bars)
        closes[adjustment] = [bar.close for bar in bars]
    vendor.close()
    assert set(closes["split"]) == {10}
    assert closes["all"][:4] == [5, 5, 5, 5]
    assert set(closes["all"][4:]) == {10}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("Tue, 06 Jan 2026 16:01:30 GMT", 60), ("Tue, 06 Jan 2026 15:00:00 GMT", 0), ("soon", None), ("", None)],
)
def test_a_wait_is_read_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    found = calls.wait_of(value)
    assert found == seconds or (found is not None and seconds is not None and abs(found - seconds) < 2)


def test_calls_keep_the_pace_that_their_vendor_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(calls.time, "sleep", slept.append)
    asking = calls.Calls("http://127.0.0.1:1", {}, calls_per_second=4)
    for _ in range(3):
        asking._wait_for_turn()
    assert [round(seconds, 1) for seconds in slept] == [0.2, 0.5] or slept == pytest.approx([0.25, 0.5], abs=0.05)
