"""Another word on a closed bar changes nothing and is put on record: what is kept, what was said, when, by whom."""

import io
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from datafeed.models import Bar, BarRevision, Series
from datafeed.providers import find_provider
from datafeed.providers.base import BarUpdate, SeriesKey
from datafeed.services import (
    Audience,
    LiveSeries,
    forget_old_bars,
    import_bars,
    load_history,
    record_bar,
    take_update,
)
from datafeed.tests.conftest import DAY, MONDAY, bar
from kernel import clock

UTC = ZoneInfo("Etc/UTC")


def on_record() -> list[tuple[int, float, float, str]]:
    """Stamp, kept close, close as it was said, and source, oldest first."""
    rows = BarRevision.objects.order_by("pk").values_list("opened_at", "kept_close", "said_close", "source")
    return [(time, float(kept), float(said), source) for time, kept, said, source in rows]


def test_another_live_bar_is_put_on_record_once(daily: Series) -> None:
    record_bar(series=daily, bar=bar(MONDAY, 10))
    for close in (10, 11, 11, 12):
        assert not record_bar(series=daily, bar=bar(MONDAY, close, volume=7 if close == 12 else 100))
    assert on_record() == [(MONDAY, 10, 11, "replay"), (MONDAY, 10, 12, "replay")]
    last = BarRevision.objects.latest("pk")
    assert (float(last.kept_volume), float(last.said_volume), float(last.said_high)) == (100, 7, 12.5)
    assert timedelta(0) <= clock.now() - last.heard_at < timedelta(minutes=1)
    assert Bar.objects.get().close == 10


def test_a_bar_that_was_never_recorded_has_no_revision(ten_days: Series) -> None:
    assert not record_bar(series=ten_days, bar=bar(MONDAY - DAY))
    assert on_record() == []


def test_history_and_imports_say_who_they_are(ten_days: Series) -> None:
    load_history(series=ten_days, bars=[bar(MONDAY, 10), bar(MONDAY + DAY, 99), bar(MONDAY - DAY, 5)])
    table = f"time,open,high,low,close,volume\n{MONDAY - 2 * DAY},1,1,1,1,1\n{MONDAY},10,10.5,9.5,10,100\n"
    table += f"{MONDAY + 2 * DAY},12,12.5,11.5,12.000000001,100\n{MONDAY + 3 * DAY},13,99,12.5,13.25,100\n"
    table += f"{MONDAY + 3 * DAY},1,1,1,1,1\n{MONDAY - 2 * DAY},2,2,2,2,2\n"
    report = import_bars(series=ten_days, file=io.BytesIO(table.encode()), zone=UTC)
    assert (report.added, report.known) == (1, 5)
    expected = [(MONDAY + DAY, 11, 99, "replay, history"), (MONDAY + 3 * DAY, 13, 13.25, "import")]
    assert on_record() == expected
    import_bars(series=ten_days, file=io.BytesIO(table.encode()), zone=UTC)
    # The first line is known by now, so the second word on its bar is still not the first of that table.
    assert on_record() == expected


def test_a_correction_on_a_stream_is_put_on_record_and_shown_to_nobody(ten_days: Series) -> None:
    provider = find_provider("replay")
    assert provider is not None
    audience = Audience(lambda topic: pytest.fail(f"{topic} was looked at"))
    live = LiveSeries(ten_days, provider, MONDAY + 11 * DAY, {}, quotes=True, edition=ten_days.edition)
    update = BarUpdate(SeriesKey("IBM", "1D"), bar(MONDAY, 10.25), is_closed=False, is_correction=True)
    take_update(live=live, update=update, audience=audience)
    assert on_record() == [(MONDAY, 10, 10.25, "replay")]


def test_revisions_go_with_their_bars(ten_days: Series, settings: Any) -> None:
    for day in (0, 1):
        record_bar(series=ten_days, bar=bar(MONDAY + day * DAY, 50))
    age = clock.now() - clock.from_epoch(MONDAY + DAY)
    settings.BARS_KEPT = {"1D": age.days + age.seconds / DAY}
    assert forget_old_bars() == 1
    assert [row[0] for row in on_record()] == [MONDAY + DAY]


def test_the_panel_shows_revisions_and_changes_none(panel: Client, ten_days: Series) -> None:
    record_bar(series=ten_days, bar=bar(MONDAY, 50))
    page = panel.get("/admin/datafeed/barrevision/?q=IBM").content
    assert b"10 10.5 9.5 10 100" in page
    assert b"50 50.5 49.5 50 100" in page
    pk = BarRevision.objects.get().pk
    assert panel.get(f"/admin/datafeed/barrevision/{pk}/change/").status_code == 200
    for path in (f"{pk}/change", f"{pk}/delete", "add"):
        assert panel.post(f"/admin/datafeed/barrevision/{path}/", {"post": "yes"}).status_code == 403
