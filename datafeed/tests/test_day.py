"""A day of an exchange a thousand times as fast, with a vendor that does everything that vendors do wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from datafeed import tasks
from datafeed.bars import RawBar
from datafeed.messages import bars_topic
from datafeed.models import Bar, Gap, ProviderAccount, Series
from datafeed.providers import calls, streams
from datafeed.providers.base import InstrumentSpec
from datafeed.providers.kite import KiteProvider
from datafeed.selectors import newest_time, read_bars
from datafeed.selectors.health import feed_health
from datafeed.selectors.providers import active_providers
from datafeed.services import ensure_series, fill_gaps, save_account
from datafeed.tests.vendors.kite import INFY, KiteServer
from datafeed.tests.vendors.tape import hurried, now
from datafeed.tests.vendors.web import DROP
from kernel import clock
from kernel.background import on_thread
from kernel.realtime.hub import Delivery, close_hub, hub

SPEED = 1_000
OPENS, CLOSES = (int(datetime(2026, 1, 6, *at, tzinfo=UTC).timestamp()) for at in ((3, 45), (10, 0)))
RESOLUTIONS = ("1", "5", "60", "1D")


class Screen:
    """An open chart of every resolution: what it was sent, in order."""

    def __init__(self) -> None:
        self.seen: dict[str, list[dict[str, Any]]] = {resolution: [] for resolution in RESOLUTIONS}

    async def open(self) -> None:
        for resolution in RESOLUTIONS:
            await hub().join(bars_topic("INFY", resolution), self._listener(resolution))

    def _listener(self, resolution: str) -> Any:
        def listen(delivery: Delivery) -> None:
            self.seen[resolution].append(json.loads(delivery.body["text"])["payload"]["payload"])

        return listen


@pytest.fixture
async def vendor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KiteServer]:
    server = KiteServer()
    server.session = (OPENS, CLOSES)
    monkeypatch.setattr(KiteProvider, "rest_url", server.url)
    async with server.listening() as ticker:
        monkeypatch.setattr(KiteProvider, "stream_url", ticker)
        yield server
    server.close()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that waits does so a thousand times as fast, or as fast as a busy machine allows."""
    for name, seconds in {
        "FIRST_PAUSE": 0.01,
        "LONGEST_PAUSE": 0.1,
        "LOOK_AGAIN": 0.05,
        "LISTEN_EVERY": 0.02,
        "SAY_EVERY": 0.1,
        "UNTIL_CHANGED": 0.3,
    }.items():
        monkeypatch.setattr(tasks, name, seconds)
    monkeypatch.setattr(streams, "LOOK_EVERY", 0.03)
    monkeypatch.setattr(KiteProvider, "pace", 240.0)
    monkeypatch.setattr(KiteProvider, "grace", 120.0)  # what takes a tenth of a second takes minutes of this day
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(calls.Calls, "_wait_for_turn", lambda self: None)
    monkeypatch.setattr(tasks.services, "ensure_demo_market", lambda: 0)
    kite_alone = [lambda: [one for one in active_providers() if one.key == "kite"]]
    monkeypatch.setattr(tasks, "active_providers", kite_alone[0])


@pytest.fixture
def infy(transactional_db: None) -> Series:
    spec = InstrumentSpec("INFY", "Infosys", "NSE", currency="INR", session="0915-1530", timezone="Asia/Kolkata")
    series = ensure_series(spec=spec, resolution="1", provider="kite", vendor_symbol=str(INFY))
    assert series is not None
    save_account(kind="kite", values={"api_key": "key", "access_token": "fresh"})
    return series


@pytest.mark.chaos
async def test_a_chart_never_sees_a_bar_older_than_its_last_and_the_record_is_what_was_traded(
    infy: Series, vendor: KiteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", hurried(datetime.fromtimestamp(OPENS - 120, UTC), SPEED))
    screen = Screen()
    await screen.open()
    running = asyncio.create_task(tasks.run_feed())
    try:
        async with asyncio.timeout(150):
            await _misbehave(vendor, infy)
            while await on_thread(newest_time, infy) != CLOSES - 60:
                await asyncio.sleep(0.02)
            await on_thread(fill_gaps)
            await on_thread(_check_the_record, infy, vendor)
            while await on_thread(_faults_of, infy, screen) and not running.done():
                await asyncio.sleep(0.1)
        health = await on_thread(feed_health)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await close_hub()
    (kite,) = [one for one in health["providers"] if one["key"] == "kite"]
    assert kite["restarts"] >= 1
    assert kite["put_aside"] >= 1
    for seen in screen.seen.values():
        assert all(earlier["time"] <= later["time"] for earlier, later in pairwise(seen))


async def _misbehave(vendor: KiteServer, infy: Series) -> None:
    """What goes wrong, and from which hour of the day on; each until it was met, however slow this machine is."""
    await _hour(0.4)
    vendor.repeat = vendor.shuffle = vendor.garbage = True
    await _hour(1.0)
    vendor.moods.extend([DROP] * 3)
    await _dropped(vendor)
    await _hour(1.5)
    vendor.limit(2)
    await _dropped(vendor)
    await _hour(2.0)
    await _followed(vendor)
    vendor.mute, before = True, vendor.connected
    await _more_than(before, vendor)
    vendor.mute = False
    await _hour(3.2)
    await _followed(vendor)
    before = vendor.connected
    await vendor.tell('{"type": "error", "data": "We are sorry"}')
    await _more_than(before, vendor)
    await _hour(3.7)
    vendor.limit(9, retry_after="0")
    vendor.history_lags = 600
    await _dropped(vendor)
    await _hour(4.2)
    vendor.moods.clear()
    vendor.history_lags, vendor.token = 0, "newer"
    vendor.drop()
    await _hour(4.7)
    account = await on_thread(ProviderAccount.objects.get, kind="kite")
    await on_thread(save_account, account=account, values={"access_token": "newer"})
    await _hour(5.2)
    vendor.repeat = vendor.shuffle = vendor.garbage = False


async def _followed(vendor: KiteServer) -> None:
    """Until we are connected: what is done to nobody is met by nobody."""
    while not vendor.is_followed:
        await asyncio.sleep(0.005)


async def _dropped(vendor: KiteServer) -> None:
    await _followed(vendor)
    before = vendor.connected
    vendor.drop()
    await _more_than(before, vendor)


async def _more_than(before: int, vendor: KiteServer) -> None:
    """Until we have connected once more."""
    while vendor.connected == before:
        await asyncio.sleep(0.01)


async def _hour(number: float) -> None:
    """Until so many hours after the opening."""
    while now() < OPENS + number * 3_600:
        await asyncio.sleep(0.005)


def _check_the_record(infy: Series, vendor: KiteServer) -> None:
    stored = [
        RawBar(*row) for row in Bar.objects.filter(series=infy).order_by("opened_at").values_list(*RawBar._fields)
    ]
    expected = [vendor.tapes[INFY].bar(minute) for minute in range(OPENS, CLOSES, 60)]
    assert [bar.opened_at for bar in stored] == [bar.opened_at for bar in expected]
    assert stored == expected
    assert not Gap.objects.filter(filled_at=None).exists()


def _faults_of(infy: Series, screen: Screen) -> list[str]:
    """The resolutions whose last bar on the screen is not what REST says."""
    faults = []
    for resolution, seen in screen.seen.items():
        last = read_bars(infy.instrument, resolution, last=1).at(0)
        values = [seen[-1][name] for name in ("time", "open", "high", "low", "close", "volume")]
        if values != [last.opened_at * 1_000, *last[1:]]:
            faults.append(resolution)
    return faults
