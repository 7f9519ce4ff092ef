"""Trades become the same minutes in whatever order they come, and what comes too late or twice counts as declared."""

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datafeed.bars import BarColumns, RawBar
from datafeed.builder import BarBuilder, aggregate
from datafeed.calendars import calendar_of
from datafeed.sessions import Hours, segments_of
from datafeed.ticks import MinuteBuilder, Tick

ALWAYS = Hours("24x7", "Etc/UTC")
NEW_YORK = Hours("0930-1600", "America/New_York", calendar_of("NYSE"))
HONG_KONG = Hours("0930-1200,1300-1600", "Asia/Hong_Kong")
FOREX = Hours("1700-1700", "America/New_York")
CHICAGO = Hours("1700-1600", "America/Chicago")
MONDAY = 1_388_966_400  # 2014-01-06 00:00 UTC
SOON = settings(max_examples=40, deadline=None)


def trade(second: float, price: float = 10, size: float = 1, number: int | None = None) -> Tick:
    return Tick(MONDAY + second, Decimal(str(price)), Decimal(str(size)), number)


def bar(minute: int, opened: float, high: float, low: float, close: float, volume: float) -> RawBar:
    return RawBar(MONDAY + 60 * minute, *(Decimal(str(value)) for value in (opened, high, low, close, volume)))


def test_a_minute_is_first_highest_lowest_last_and_all_that_was_traded() -> None:
    minutes = MinuteBuilder(ALWAYS)
    for second, price in ((1, 10), (20, 12), (30, 9), (59.9, 11)):
        assert minutes.add(trade(second, price, 2))
    assert minutes.forming == bar(0, 10, 12, 9, 11, 8)
    assert minutes.close(MONDAY + 60.9) == []
    assert minutes.close(MONDAY + 61) == [bar(0, 10, 12, 9, 11, 8)]
    assert minutes.forming is None


def test_a_later_minute_is_not_shown_before_the_earlier_one_is_closed() -> None:
    minutes = MinuteBuilder(ALWAYS)
    minutes.add(trade(59))
    minutes.add(trade(60, 20))
    assert minutes.forming == bar(0, 10, 10, 10, 10, 1)
    assert minutes.add(trade(58, 8)), "within the grace a trade still counts"
    assert minutes.close(MONDAY + 61) == [bar(0, 8, 10, 8, 10, 2)]
    assert minutes.forming == bar(1, 20, 20, 20, 20, 1)


def test_a_late_trade_is_counted_and_changes_nothing() -> None:
    minutes = MinuteBuilder(ALWAYS)
    minutes.add(trade(1))
    minutes.close(MONDAY + 61)
    assert not minutes.add(trade(59, 99))
    assert (minutes.late, minutes.forming) == (1, None)


def test_a_repeated_trade_counts_once_by_its_number() -> None:
    minutes = MinuteBuilder(ALWAYS)
    assert [minutes.add(trade(1, 10, 5, number=7)) for _ in range(3)] == [True, False, False]
    assert (minutes.repeated, minutes.close(MONDAY + 61)) == (2, [bar(0, 10, 10, 10, 10, 5)])


def test_a_trade_outside_the_session_is_left_out() -> None:
    minutes = MinuteBuilder(NEW_YORK)
    opening = 14.5 * 3600  # 09:30 in winter
    assert [minutes.add(trade(opening + second)) for second in (-1, 0, 6.5 * 3600 - 1, 6.5 * 3600)] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "tick",
    [
        trade(1, -1),
        trade(1, 0),
        trade(1, 10, -1),
        Tick(MONDAY, Decimal("NaN"), Decimal(1)),
        Tick(MONDAY, Decimal(1), Decimal("Infinity")),
        Tick(-1.0, Decimal(1), Decimal(1)),
        Tick(MONDAY * 1_000.0, Decimal(1), Decimal(1)),
    ],
)
def test_what_cannot_be_a_trade_is_refused(tick: Tick) -> None:
    minutes = MinuteBuilder(ALWAYS)
    with pytest.raises(ValueError, match="a trade"):
        minutes.add(tick)
    assert minutes.forming is None


def test_what_somebody_else_closed_is_closed() -> None:
    minutes = MinuteBuilder(ALWAYS, newest=MONDAY - 60)
    minutes.add(trade(1))
    minutes.add(trade(61, 20))
    minutes.forget(MONDAY)
    assert minutes.forming == bar(1, 20, 20, 20, 20, 1)
    assert not minutes.add(trade(2))


prices = st.integers(1, 10_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def trades(draw: st.DrawFn) -> list[Tick]:
    """Trades of some minutes, numbered in their order."""
    seconds = sorted(draw(st.lists(st.integers(0, 239), min_size=1, max_size=40)))
    return [
        Tick(MONDAY + second, draw(prices), Decimal(draw(st.integers(0, 1_000))), number)
        for number, second in enumerate(seconds)
    ]


@SOON
@given(trades(), st.randoms(use_true_random=False))
def test_the_order_in_which_trades_come_and_come_again_changes_nothing(ticks: list[Tick], dice: random.Random) -> None:
    straight, mixed = MinuteBuilder(ALWAYS), MinuteBuilder(ALWAYS)
    shuffled = [*ticks, *ticks[::3]]
    dice.shuffle(shuffled)
    for tick in ticks:
        straight.add(tick)
    for tick in shuffled:
        mixed.add(tick)
    assert straight.close(MONDAY + 10_000) == mixed.close(MONDAY + 10_000)
    assert mixed.repeated == len(ticks[::3])


@SOON
@given(trades())
def test_nothing_of_a_minute_is_lost_or_counted_twice(ticks: list[Tick]) -> None:
    minutes, closed = MinuteBuilder(ALWAYS), list[RawBar]()
    for tick in ticks:
        closed += minutes.close(tick.at)
        minutes.add(tick)
    closed += minutes.close(MONDAY + 10_000)
    assert minutes.late == 0
    assert sum(bar.volume for bar in closed) == sum(tick.size for tick in ticks)
    assert max(bar.high for bar in closed) == max(tick.price for tick in ticks)
    assert (closed[0].open, closed[-1].close) == (ticks[0].price, ticks[-1].price)
    assert [bar.opened_at for bar in closed] == sorted({int(tick.at) // 60 * 60 for tick in ticks})


DAYS = {
    "the clocks go forward in New York": (NEW_YORK, datetime(2026, 3, 6, tzinfo=UTC), 5),
    "the clocks go back in New York": (NEW_YORK, datetime(2026, 10, 30, tzinfo=UTC), 5),
    "Thanksgiving and the short day after it": (NEW_YORK, datetime(2026, 11, 25, tzinfo=UTC), 4),
    "a break at noon": (HONG_KONG, datetime(2026, 3, 26, tzinfo=UTC), 4),
    "through the night, and the clocks go forward": (FOREX, datetime(2026, 3, 6, tzinfo=UTC), 4),
    "through the night with a break, and the clocks go back": (CHICAGO, datetime(2026, 10, 30, tzinfo=UTC), 4),
    "always": (ALWAYS, datetime(2026, 3, 28, tzinfo=UTC), 2),
}


@pytest.mark.parametrize("name", DAYS)
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["5", "15", "60", "240", "1D", "1W", "1M"]))
def test_trades_make_the_bars_of_every_resolution_that_the_calendar_has(name: str, seed: int, resolution: str) -> None:
    hours, start, days = DAYS[name]
    dice = random.Random(seed)
    built = _minutes_from_trades(hours, int(start.timestamp()), days, dice)
    columns = BarColumns.of(built)
    live, closed = BarBuilder(resolution, hours, base="1"), BarColumns.empty()
    for one in built:
        preview = live.preview(one) if dice.random() < 0.05 else None
        closed = closed.joined(live.add(BarColumns.of([one])))
        assert preview in {None, live.forming or closed.at(-1)}
    history = aggregate(columns, resolution, hours, base="1")
    assert closed.rows() == history.rows()
    every = [*closed.rows(), *([live.forming] if live.forming else [])]
    assert sum(bar.volume for bar in every) == sum(float(bar.volume) for bar in built)
    buckets = {hours.bucket(resolution, bar.opened_at) for bar in built}
    assert len(every) == len({bucket.end for bucket in buckets})
    assert resolution == "1M" or {bar.opened_at for bar in every} == {bucket.start for bucket in buckets}


def _minutes_from_trades(hours: Hours, start: int, days: int, dice: random.Random) -> list[RawBar]:
    """Minutes of trades at random instants around the clock, of which those outside the session do not count."""
    minutes, closed = MinuteBuilder(hours), list[RawBar]()
    at = float(start)
    while at < start + days * 86_400:
        at += dice.choice([5, 60, 61, 300, 900, 4_000])
        closed += minutes.close(at - 30)
        is_open = any(begin <= at // 60 * 60 < end for begin, end in _around(hours, at))
        assert minutes.add(Tick(at, Decimal(dice.randint(100, 200)), Decimal(dice.randint(0, 9)))) == is_open
    return closed + minutes.close(at + 3_600)


def _around(hours: Hours, at: float) -> list[tuple[int, int]]:
    day = hours.span(int(at)).day
    return list(segments_of(hours, day))
