"""Market data in the control panel, and the checks of its settings."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client

from datafeed.models import Bar, BarRevision, Instrument, Series
from datafeed.selectors.charts import chart_page
from datafeed.selectors.held import find_served
from datafeed.services import record_bar
from datafeed.tests.conftest import DAY, MONDAY, bar


@pytest.mark.parametrize("model", ["instrument", "series", "bar"])
def test_every_model_has_its_list_its_search_and_its_page(panel: Client, ten_days: Series, model: str) -> None:
    rows: Any = {"instrument": Instrument, "series": Series, "bar": Bar}[model].objects
    assert panel.get(f"/admin/datafeed/{model}/").status_code == 200
    assert b"IBM" in panel.get(f"/admin/datafeed/{model}/?q=IBM").content
    assert panel.get(f"/admin/datafeed/{model}/{rows.first().pk}/change/").status_code == 200


def test_the_list_of_bars_asks_the_same_few_questions_however_many_there_are(
    panel: Client, ten_days: Series, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10) as counted:
        panel.get("/admin/datafeed/bar/")
    counting = [query["sql"] for query in counted.captured_queries if "COUNT(" in query["sql"]]
    assert all("LIMIT 10000" in sql for sql in counting if "datafeed_bar" in sql)


def test_a_closed_bar_cannot_be_changed_in_the_panel(panel: Client, ten_days: Series) -> None:
    bar = Bar.objects.first()
    answer = panel.post(f"/admin/datafeed/bar/{bar.pk}/change/", {"close": "1", "series": bar.series_id})
    assert answer.status_code == 403
    assert panel.get("/admin/datafeed/bar/add/").status_code == 403


def test_a_list_of_bars_leads_to_each_by_its_series_and_stamp(panel: Client, ten_days: Series) -> None:
    page = f"/admin/datafeed/bar/{ten_days.pk}-{MONDAY}/change/"
    assert page.encode() in panel.get("/admin/datafeed/bar/").content
    assert panel.get(page).status_code == 200
    for nowhere in (f"{ten_days.pk}-{MONDAY + 1}", "1-", f"{10**17}-{10**17}", "x"):
        assert panel.get(f"/admin/datafeed/bar/{nowhere}/change/").status_code == 302


@pytest.mark.parametrize("is_one", [True, False])
def test_bars_deleted_in_the_panel_are_gone_from_charts_and_so_are_their_revisions(
    panel: Client, ten_days: Series, is_one: bool
) -> None:
    def charted() -> list[int]:
        return chart_page(find_served("IBM", "1D"), since=0, until=2**33).times()

    for day in (0, 1):
        record_bar(series=ten_days, bar=bar(MONDAY + day * DAY, 50))
    assert charted()[0] == MONDAY
    first = Bar.objects.get(opened_at=MONDAY)
    if is_one:
        panel.post(f"/admin/datafeed/bar/{ten_days.pk}-{MONDAY}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [first.pk]}
        panel.post("/admin/datafeed/bar/?q=IBM", chosen)
    assert charted()[0] == MONDAY + DAY
    assert list(BarRevision.objects.values_list("opened_at", flat=True)) == [MONDAY + DAY]


def test_trading_hours_are_checked_in_the_panel(panel: Client, daily: Series) -> None:
    page = f"/admin/datafeed/instrument/{daily.instrument_id}/change/"
    answer = panel.post(page, {"symbol": "IBM", "name": "x", "exchange": "x", "session": "?", "timezone": "Etc/UTC"})
    assert answer.status_code == 200
    assert b"hours are written" in answer.content


def test_the_panel_deletes_an_instrument_without_bars_and_no_other(
    panel: Client, ten_days: Series, minutes: Series
) -> None:
    chosen = {"action": "delete_selected", "post": "yes"}
    for series in (ten_days, minutes):
        panel.post("/admin/datafeed/instrument/", {**chosen, "_selected_action": [series.instrument_id]})
    assert (Instrument.objects.get(), Bar.objects.count()) == (ten_days.instrument, 10)


def test_settings_that_cannot_be_served_are_named(settings: Any) -> None:
    settings.BAR_BROADCASTER_RESOLUTIONS = ("1", "7x")
    settings.BAR_BROADCASTER_SYMBOLS = ("AAPL", "A B")
    found = {check.id: check.msg for check in run_checks() if check.id and check.id.startswith("datafeed.")}
    assert "7x" in found["datafeed.E001"]
    assert "A B" in found["datafeed.E002"]
