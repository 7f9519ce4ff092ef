"""The builder makes the same bars live and from history, and loses nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datafeed.bars import BarColumns, FormingBar
from datafeed.builder import BarBuilder, aggregate
from datafeed.sessions import Hours

DAY, MINUTE = 86_400, 60
MONDAY = 1_388_966_400  # 2014-01-06 00:00 UTC
STOCKS = Hours("0930-1600", "America/New_York")
ALWAYS = Hours("24x7", "Etc/UTC")
BROKEN = Hours("0930-1200,1300-1600", "America/New_York")


@st.composite
def base_bars(draw: st.DrawFn, step: int, most: int = 120) -> list[FormingBar]:
    """Ascending bars on a grid of `step` seconds, with holes, whose volumes do not add up exactly."""
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 7, 60, 400]), min_size=1, max_size=most))
    price = st.floats(1, 1_000, allow_nan=False)
    time, bars = MONDAY + draw(st.integers(0, 20)) * step, []
    for gap in gaps:
        time += gap * step
        values = sorted(draw(st.tuples(price, price, price, price)))
        volume = draw(st.floats(0, 1e6, allow_nan=False))
        bars.append(FormingBar(time, values[1], values[3], values[0], values[2], volume))
    return bars


def same(left: BarColumns, right: BarColumns) -> bool:
    return np.array_equal(left.time, right.time) and all(
        np.array_equal(a, b) for a, b in zip(left.values, right.values, strict=True)
    )


@given(
    base_bars(MINUTE),
    st.sampled_from(["5", "60", "240", "1D", "1W", "1M"]),
    st.sampled_from([STOCKS, ALWAYS, BROKEN]),
    st.integers(1, 7),
)
def test_live_equals_history_however_the_bars_are_cut(
    bars: list[FormingBar], resolution: str, hours: Hours, size: int
) -> None:
    live = BarBuilder(resolution, hours, base="1")
    closed = BarColumns.empty()
    for start in range(0, len(bars), size):
        closed = closed.joined(live.add(BarColumns.of(bars[start : start + size])))
    assert same(closed, aggregate(BarColumns.of(bars), resolution, hours, base="1"))


@given(base_bars(DAY, most=60), st.sampled_from(["1W", "1M"]))
def test_weeks_and_months_of_days_are_the_same_live_and_from_history(bars: list[FormingBar], resolution: str) -> None:
    live = BarBuilder(resolution, STOCKS, base="1D")
    closed = BarColumns.empty()
    for bar in bars:
        closed = closed.joined(live.add(BarColumns.of([bar])))
    assert same(closed, aggregate(BarColumns.of(bars), resolution, STOCKS, base="1D"))


@given(base_bars(MINUTE), st.sampled_from(["5", "60", "1D", "1W", "1M"]), st.sampled_from([STOCKS, ALWAYS]))
def test_nothing_of_a_bar_is_lost_or_counted_twice(bars: list[FormingBar], resolution: str, hours: Hours) -> None:
    builder = BarBuilder(resolution, hours, base="1")
    built = builder.add(BarColumns.of(bars)).rows() + ([builder.forming] if builder.forming else [])
    assert sum(bar.volume for bar in built) == pytest.approx(sum(bar.volume for bar in bars))
    assert max(bar.high for bar in built) == max(bar.high for bar in bars)
    assert min(bar.low for bar in built) == min(bar.low for bar in bars)
    assert built[0].open == bars[0].open
    assert built[-1].close == bars[-1].close
    assert [bar.opened_at for bar in built] == sorted({bar.opened_at for bar in built})
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in built)


@given(base_bars(MINUTE, most=40), st.sampled_from(["5", "60", "1D"]))
def test_a_preview_is_what_the_bar_becomes(bars: list[FormingBar], resolution: str) -> None:
    builder = BarBuilder(resolution, ALWAYS, base="1")
    for bar in bars:
        seen = builder.preview(bar)
        closed = builder.add(BarColumns.of([bar]))
        assert seen == (builder.forming or closed.at(-1))


def test_a_bar_closes_as_soon_as_its_last_base_bar_does() -> None:
    builder = BarBuilder("5", ALWAYS, base="1")
    four = [FormingBar(MONDAY + minute * MINUTE, 10, 11, 9, 10 + minute, 1.5) for minute in range(4)]
    assert not len(builder.add(BarColumns.of(four)))
    closed = builder.add(BarColumns.of([FormingBar(MONDAY + 4 * MINUTE, 10, 20, 9, 12, 1.5)]))
    assert closed.rows() == [FormingBar(MONDAY, 10, 20, 9, 12, 7.5)]
    assert builder.forming is None


def test_a_bar_with_a_hole_at_its_end_closes_when_a_later_one_begins() -> None:
    builder = BarBuilder("5", ALWAYS, base="1")
    builder.add(BarColumns.of([FormingBar(MONDAY, 10, 11, 9, 10, 1)]))
    closed = builder.add(BarColumns.of([FormingBar(MONDAY + 7 * MINUTE, 12, 13, 11, 12, 2)]))
    assert closed.rows() == [FormingBar(MONDAY, 10, 11, 9, 10, 1)]
    assert builder.forming == FormingBar(MONDAY + 5 * MINUTE, 12, 13, 11, 12, 2)


def test_a_month_is_stamped_with_its_first_day_that_has_a_bar() -> None:
    second_of_january = 1_388_620_800
    days = [second_of_january + day * DAY for day in range(33)]
    months = aggregate(BarColumns.of([(day, 1, 2, 0, 1, 1) for day in days]), "1M", STOCKS, base="1D")
    assert months.time.tolist() == [second_of_january]


def test_bars_out_of_order_are_refused() -> None:
    builder = BarBuilder("5", ALWAYS, base="1")
    builder.add(BarColumns.of([FormingBar(MONDAY, 1, 2, 0, 1, 1)]))
    with pytest.raises(ValueError, match="ascending"):
        builder.add(BarColumns.of([FormingBar(MONDAY, 1, 2, 0, 1, 1)]))
