"""A provider that is connected and says nothing is found out, and only while it has something to say."""

from datetime import UTC, datetime

import pytest

from datafeed.calendars import calendar_of
from datafeed.hearing import Hearing
from datafeed.providers.base import SeriesKey
from datafeed.sessions import Hours

AAPL, BTC, RARE = SeriesKey("AAPL", "1"), SeriesKey("BTC/USD", "1"), SeriesKey("RARE", "1")
NEW_YORK = Hours("0930-1600", "America/New_York", calendar_of("NYSE"))
ALWAYS = Hours("24x7", "Etc/UTC")
PACE = 20.0


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> float:
    """An instant of November 2026, UTC; New York opens at 14:30."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC).timestamp()


def test_three_paces_without_a_word_are_too_many() -> None:
    hearing = Hearing({AAPL: NEW_YORK}, PACE, at(23, 15))
    assert hearing.mute_since(at(23, 15, 1)) is None
    assert hearing.mute_since(at(23, 15, 1, 1)) == (at(23, 15), "AAPL")
    hearing.hear(AAPL, at(23, 15, 1, 2))
    assert hearing.mute_since(at(23, 15, 2, 2)) is None
    assert hearing.was_heard


@pytest.mark.parametrize("moment", [at(23, 14, 29), at(23, 22), at(26, 16), at(27, 19), at(28, 16)], ids=str)
def test_a_closed_market_owes_nothing_also_on_holidays_and_short_days(moment: float) -> None:
    hearing = Hearing({AAPL: NEW_YORK}, PACE, at(20, 16))
    hearing.hear(AAPL, at(20, 16))
    assert hearing.mute_since(moment) is None


def test_the_silence_of_the_night_does_not_count_at_the_opening() -> None:
    hearing = Hearing({AAPL: NEW_YORK}, PACE, at(20, 16))
    hearing.hear(AAPL, at(20, 20, 59))
    assert hearing.mute_since(at(23, 14, 30, 50)) is None
    assert hearing.mute_since(at(23, 14, 31, 1)) == (at(23, 14, 30), "AAPL")


def test_one_market_that_is_open_is_enough() -> None:
    hearing = Hearing({AAPL: NEW_YORK, BTC: ALWAYS}, PACE, at(21, 12))
    assert hearing.mute_since(at(21, 12, 2)) == (at(21, 12), "BTC/USD")


def test_who_is_seldom_heard_keeps_nobody_from_being_believed() -> None:
    hearing = Hearing({BTC: ALWAYS, RARE: ALWAYS}, PACE, at(21, 12))
    for second in range(0, 3_000, 5):
        hearing.hear(BTC, at(21, 12) + second)
    assert hearing.mute_since(at(21, 12) + 3_000) is None


def test_a_series_that_was_well_heard_is_missed_while_others_speak() -> None:
    hearing = Hearing({AAPL: ALWAYS, BTC: ALWAYS}, PACE, at(21, 12))
    for second in range(0, 600, 5):
        hearing.hear(BTC, at(21, 12) + second)
        if second < 300:
            hearing.hear(AAPL, at(21, 12) + second)
    since, what = hearing.mute_since(at(21, 12) + 600) or (0, "")
    assert (since - at(21, 12), what) == (295, "AAPL")


def test_a_series_with_long_pauses_of_its_own_is_given_them() -> None:
    hearing = Hearing({RARE: ALWAYS}, PACE, at(21, 12))
    for number in range(30):
        hearing.hear(RARE, at(21, 12) + 90 * number)
    last = at(21, 12) + 90 * 29
    assert hearing.mute_since(last + 1_700) is None
    assert hearing.mute_since(last + 1_900) == (last, "RARE")


def test_patience_grows_with_every_start_in_vain_and_has_an_end() -> None:
    limits = []
    for fruitless in (0, 1, 2, 10):
        hearing = Hearing({BTC: ALWAYS}, PACE, 0, patience=2.0**fruitless)
        limits.append(next(second for second in range(2_000) if hearing.mute_since(second)))
    assert limits == [61, 121, 241, 961]
