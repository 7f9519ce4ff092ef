"""Each provider keeps the common contract, and what it alone promises."""

import importlib.util
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from datafeed.bars import RawBar
from datafeed.providers import REGISTRY, enabled_providers, find_provider
from datafeed.providers import replay as replays
from datafeed.providers.base import Provider, SeriesKey
from datafeed.providers.replay import ReplayProvider, forming
from datafeed.providers.synthetic import SyntheticProvider, minutes_of
from datafeed.providers.synthetic import forming as forming_minute
from datafeed.tests.provider_contract import ProviderContract
from kernel import clock

AAPL = SeriesKey("AAPL", "1D")


class TestReplay(ProviderContract):
    @pytest.fixture
    def provider(self, settings: Any) -> Provider:
        settings.REPLAY_INTERVAL = 0.004
        return ReplayProvider()


class TestSynthetic(ProviderContract):
    @pytest.fixture
    def provider(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
        settings.BAR_BROADCASTER_INTERVAL = 0.01
        # Each look at the clock finds it 20 seconds later, so that minutes pass at once.
        now = datetime(2026, 1, 5, 12, 0, 1, tzinfo=UTC)
        state = {"now": now}

        def hurried() -> datetime:
            state["now"] += timedelta(seconds=20)
            return state["now"]

        monkeypatch.setattr(clock, "now", hurried)
        return SyntheticProvider()


def test_every_registered_provider_loads_and_is_called_what_the_registry_says() -> None:
    for key, (label, _) in REGISTRY.items():
        provider = find_provider(key)
        assert provider is not None
        assert (provider.key, provider.label) == (key, label)
    assert find_provider("gone") is None


def test_the_simulated_market_can_be_switched_off(settings: Any) -> None:
    settings.BAR_BROADCASTER_ENABLED = False
    assert [provider.key for provider in enabled_providers()] == ["replay"]


def test_reading_real_history_needs_no_data_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    # A name that stands for nothing there can no longer be imported.
    for name in ("pandas", "bokeh"):
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("replay_anew", replays.__file__)
    assert spec is not None
    assert spec.loader is not None
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    provider = anew.ReplayProvider()
    assert len(list(provider.history(provider.series()[0], None))) > 1_000


def test_the_replay_is_adjusted_so_that_a_split_is_no_crash() -> None:
    bars = {bar.opened_at: bar for bar in ReplayProvider().history(AAPL, None)}
    before, after = (int(datetime(2005, 2, day, tzinfo=UTC).timestamp()) for day in (25, 28))
    assert abs(bars[after].close / bars[before].close - 1) < Decimal("0.05")
    first = bars[min(bars)]
    assert (first.opened_at, first.close) == (951_868_800, Decimal("4.1867"))


def test_the_last_bars_are_kept_for_live_and_no_more_than_half() -> None:
    provider = ReplayProvider()
    known = {key.symbol: len(list(provider.history(key, None))) for key in provider.series()}
    assert known["AAPL"] == known["IBM"] == known["MSFT"] == 3_270 - 1_000
    assert known["GOOG"] == 2_148 - 1_000
    assert known["FB"] == 196 - 98


async def test_the_replay_ends_with_its_data_and_says_so() -> None:
    provider = ReplayProvider()
    at_the_end = dict.fromkeys(provider.series(), 2**32)
    assert [update async for update in provider.live(at_the_end)] == []
    assert "end" in provider.standing(at_the_end)


@pytest.mark.parametrize("stage", [0.0, 0.1, 0.25, 0.5, 0.75, 0.99, 1.0])
@pytest.mark.parametrize("close", ["9", "10", "14"])
def test_a_forming_bar_stays_within_the_bar_it_becomes(stage: float, close: str) -> None:
    whole = RawBar(0, Decimal(10), Decimal(15), Decimal(8), Decimal(close), Decimal(1000))
    part = forming(whole, stage)
    assert whole.low <= part.low <= min(part.open, part.close)
    assert max(part.open, part.close) <= part.high <= whole.high
    assert (part.open, part.volume) == (whole.open, Decimal(str(stage * 1000)).quantize(Decimal(1)))


def test_a_simulated_minute_is_the_same_whenever_it_is_asked() -> None:
    minute = 29_500_000
    (alone,) = minutes_of("GOOGL", minute, minute + 1)
    assert alone == minutes_of("GOOGL", minute - 700, minute + 3)[700]
    assert alone != minutes_of("MSFT", minute, minute + 1)[0]
    # The very numbers are part of the promise: another release must fill the same gaps with the same bars.
    values = ("148.13", "148.20", "148.11", "148.19", "219")
    assert alone == RawBar(1_770_000_000, *map(Decimal, values))


def test_simulated_minutes_join_up_and_move_like_a_market() -> None:
    bars = minutes_of("AAPL", 29_500_000, 29_500_000 + 2_880)
    assert all(earlier.close == later.open for earlier, later in pairwise(bars))
    closes = [float(bar.close) for bar in bars]
    moves = [abs(b / a - 1) for a, b in pairwise(closes)]
    assert 0.0001 < sum(moves) / len(moves) < 0.002
    assert 0.005 < max(closes) / min(closes) - 1 < 0.5


def test_a_forming_minute_only_grows() -> None:
    states = [forming_minute("AAPL", 29_500_000, share / 20) for share in range(20)]
    assert all(a.high <= b.high and a.low >= b.low and a.volume <= b.volume for a, b in pairwise(states))


def test_a_symbol_nobody_knows_is_simulated_as_well(settings: Any) -> None:
    settings.BAR_BROADCASTER_SYMBOLS = ("tsla", "BTC/USD", "TSLA")
    provider = SyntheticProvider()
    assert [key.symbol for key in provider.series()] == ["TSLA", "BTC/USD"]
    assert all(spec.session == "24x7" for spec in provider.instruments())


def test_after_a_long_absence_a_week_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    key, minute = SeriesKey("MSFT", "1"), int(now.timestamp()) // 60 * 60
    assert len(list(SyntheticProvider().history(key, 0))) == 10_080
    assert len(list(SyntheticProvider().history(key, None))) == 2_880
    assert [bar.opened_at for bar in SyntheticProvider().history(key, minute - 180)] == [minute - 120, minute - 60]


def test_hourly_currency_bars_are_played_where_their_package_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "forex.csv"
    file.write_text(
        "Time,Open,High,Low,Close,Volume\n"
        "01.01.2017 22:00:00.000,1.05236,1.05253,1.05221,1.05227,143539993.3\n"
        "01.01.2017 23:00:00.000,1.05227,1.05426,1.05226,1.05282,253139999.4\n"
    )
    monkeypatch.setattr(replays, "_forex_path", lambda: file)
    replays._eurusd.cache_clear()
    try:
        provider = ReplayProvider()
        key = SeriesKey("EURUSD", "60")
        assert key in provider.series()
        (first,) = provider.history(key, None)
        assert (first.opened_at, first.close) == (1_483_308_000, Decimal("1.05227"))
    finally:
        replays._eurusd.cache_clear()
