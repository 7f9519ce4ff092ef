"""Bars are checked before anything is computed from them."""

import math

import numpy as np
import pytest

from formulas.engine import Bar, BarError, Bars, LiveProgram, compile_formula

GOOD = (60, 10.0, 12.0, 9.0, 11.0, 5.0)
NEXT = (120, 11.0, 12.0, 9.0, 11.0, 0.0)

BAD = [
    ((60, *NEXT[1:]), "time"),
    ((59, *NEXT[1:]), "time"),
    ((120, math.nan, 12.0, 9.0, 11.0, 0.0), "finite"),
    ((120, 11.0, math.inf, 9.0, 11.0, 0.0), "finite"),
    ((120, 11.0, 12.0, -math.inf, 11.0, 0.0), "finite"),
    ((120, 11.0, 12.0, 9.0, 11.0, math.nan), "finite"),
    ((120, 11.0, 12.0, 9.0, 11.0, -1.0), "volume"),
    ((120, 13.0, 12.0, 9.0, 11.0, 0.0), "open and close"),
    ((120, 11.0, 12.0, 9.0, 8.0, 0.0), "open and close"),
    ((120, 11.0, 9.0, 12.0, 11.0, 0.0), "open and close"),
]


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_bad_bar_is_refused_with_its_index(row, reason):
    with pytest.raises(BarError, match=reason) as caught:
        Bars.from_rows([GOOD, row])
    assert caught.value.index == 1


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_bad_live_bar_is_refused_and_changes_nothing(row, reason):
    live = LiveProgram(compile_formula("if sma(1) > 1: buy()"))
    live.advance(Bar(*GOOD))
    before = live.snapshot()
    with pytest.raises(BarError, match=reason):
        live.advance(Bar(*row))
    assert live.snapshot() == before
    assert len(live.advance(Bar(*NEXT))) == 1


@pytest.mark.parametrize(
    "row",
    [
        GOOD[:5],
        (*GOOD, 1.0),
        ("60", *GOOD[1:]),
        (60, "10", *GOOD[2:]),
        (60, None, *GOOD[2:]),
        (True, *GOOD[1:]),
        (60.5, *GOOD[1:]),
        (math.nan, *GOOD[1:]),
        (10**30, *GOOD[1:]),
        (60, 10, 10**400, 9, 11, 5),
    ],
)
def test_rows_of_another_shape_are_refused(row):
    with pytest.raises(BarError):
        Bars.from_rows([row])


def test_rows_become_columns():
    bars = Bars.from_rows([GOOD, NEXT])
    assert len(bars) == 2
    assert bars.time.dtype == np.int64
    assert bars.close.tolist() == [11.0, 11.0]
    assert bars.row(1) == Bar(*NEXT)
    assert len(Bars.from_rows([])) == 0


def test_columns_must_have_one_length():
    bars = Bars.from_rows([GOOD, NEXT])
    with pytest.raises(BarError):
        Bars(bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume[:1])


def test_columns_are_checked_as_rows_are():
    bars = Bars.from_rows([GOOD, NEXT])
    with pytest.raises(BarError, match="bar 0"):
        Bars(bars.time, bars.open, bars.high, bars.low, bars.close + 5, bars.volume)
