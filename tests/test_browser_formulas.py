"""Authors and traders on the web page: formulas are written, mended, tested, published; found, followed, rated."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import NARROW, TOO_WIDE, Visitor, wait_until
from tests.server import LiveServer

pytestmark = [pytest.mark.browser]

WRONG = "fast = ema(close, 5)\nif crossover(close, fast):\n    by()"
RIGHT = WRONG.replace("by()", "buy()") + "\nif crossunder(close, fast): sell()"
OFTEN = "if close > open: buy()\nif close < open: sell()"


@pytest.fixture(scope="module")
def live(paced: LiveServer) -> LiveServer:
    return paced


@pytest.fixture
def visit(visit: Callable[..., Visitor]) -> Callable[..., Visitor]:
    """A maker of visitors who have signed in."""

    def make(name: str, **options: dict[str, int]) -> Visitor:
        visitor = visit(**options)
        visitor.open()
        visitor.enter(name)
        expect(visitor.page.locator("#places")).to_be_visible()
        return visitor

    return make


def go(page: Page, words: str) -> None:
    page.locator("#places").get_by_role("link", name=words).click()


def test_an_author_mends_a_mistake_tests_and_publishes(live: LiveServer, visit: Callable[..., Visitor]) -> None:
    author = live.register("careful_author")
    visitor = visit("careful_author")
    page = visitor.page
    go(page, "Write")
    words_are_offered_as_they_are_typed(page)
    a_mistake_is_marked_in_its_place(page)
    page.fill("#write-code", RIGHT)
    expect(page.locator("#write-code-verdict.good")).to_contain_text("Valid")
    expect(page.locator("#write .code-marks mark")).to_have_count(0)
    its_lines_and_signals_are_drawn(page)
    page.fill("#write-name", "Fast crossing")
    page.fill("#write-tags", "Crossing, ema")
    page.check("#write-form [name=is_public]")
    it_is_backtested_beside_the_market(page)
    it_is_published_and_runs(page)
    (formula,) = author.get("/formulas/my/formulas")["results"]
    assert (formula["name"], formula["tags"]) == ("Fast crossing", ["crossing", "ema"])
    record = author.get(f"/formulas/{formula['id']}/performance")
    assert (record["publication"]["version"], record["publication"]["symbols"]) == (1, ["IBM"])
    its_page_shows_the_record_and_nothing_else(page)
    another_text_is_another_version(page)
    assert visitor.complaints_beyond(400) == []


def a_mistake_is_marked_in_its_place(page: Page) -> None:
    page.fill("#write-code", WRONG)
    complaint = page.locator("#write-code-verdict button")
    expect(complaint).to_contain_text("Line 3, column 5")
    expect(page.locator("#write .code-marks mark")).to_have_text("by")
    expect(page.locator("#write .code-lines .wrong")).to_have_text("3")
    expect(page.locator("#write-code")).to_have_attribute("aria-invalid", "true")
    complaint.click()
    assert page.evaluate("document.getElementById('write-code').selectionStart") == WRONG.index("by()")
    page.click("#write-form [type=submit]")
    expect(page.locator("#write-name-error")).not_to_be_empty()


def its_lines_and_signals_are_drawn(page: Page) -> None:
    expect(page.locator("#write .legend")).to_contain_text("ema(close, 5)")
    expect(page.locator("#write .legend-frame [role=status]")).to_contain_text(re.compile(r"[1-9]\d* buy"))
    page.locator("#write-chart").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#write .readout").first).to_contain_text("ema(close, 5)")


def it_is_backtested_beside_the_market(page: Page) -> None:
    card = page.locator("#backtest")
    card.get_by_role("button", name="Backtest on IBM 1D").click()
    expect(card.locator("table").first).to_contain_text("Total return")
    expect(card.locator("thead").first).to_contain_text("Last 30 %")
    expect(card.locator(".outcome .readout")).to_contain_text("Buy and hold")
    expect(card.locator("[role=status]")).to_contain_text("simulated")
    card.get_by_text(re.compile(r"Trades \([1-9]")).click()
    expect(card.locator(".trades tbody tr").first).to_contain_text("long")
    doubts = card.locator(".figures")
    expect(doubts).to_contain_text(re.compile(r"With costs doubled\S[\d.,]+ %Filled a bar later\S[\d.,]+ %"))
    expect(doubts).to_contain_text(re.compile(r"Better than luck[\d.]+ %"))
    expect(page).to_have_url(re.compile(r"#write/\d+$"))


def it_is_published_and_runs(page: Page) -> None:
    page.fill("#publish-symbols", "IBM")
    page.click("#publish [type=submit]")
    expect(page.locator("#publish [role=status]")).to_contain_text("Version 1 is on record on IBM")
    running = page.locator("#deployments .item")
    expect(running).to_contain_text("IBM 1D")
    running.get_by_role("button", name="Pause").click()
    expect(running).to_contain_text("paused")
    running.get_by_role("button", name="Resume").click()
    expect(running).to_contain_text("running")
    running.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(running).to_have_count(0)


def words_are_offered_as_they_are_typed(page: Page) -> None:
    code, offers = page.locator("#write-code"), page.locator("#write .offers")
    code.fill("")
    code.press_sequentially("x = cros")
    expect(offers.get_by_role("button")).to_have_text(["crossover(a, b)", "crossunder(a, b)", "cross(a, b)"])
    code.press("Tab")
    expect(code).to_have_value("x = crossover(")
    expect(offers).to_be_hidden()
    page.locator("#write").get_by_text("Functions and actions").click()
    page.fill("#write .more [type=search]", "standard deviation")
    page.locator("#write .language").get_by_role("button", name="Insert stdev").click()
    expect(code).to_have_value("x = crossover(stdev(")


def its_page_shows_the_record_and_nothing_else(page: Page) -> None:
    page.locator("#publish [role=status]").get_by_role("link", name="See its page").click()
    expect(page.locator("#formula")).to_contain_text("counts towards no verified score")
    expect(page.locator("#formula")).not_to_contain_text(re.compile(r"\b(null|false|undefined|NaN)\b"))
    expect(page.locator("#formula .card time").first).to_have_attribute("title", re.compile(r"^\d{4}-.* UTC$"))
    page.locator("#formula").get_by_role("link", name="Edit").click()
    expect(page.locator("#write-code")).to_have_value(RIGHT)


def another_text_is_another_version(page: Page) -> None:
    page.fill("#write-code", RIGHT.replace("5", "7"))
    page.locator("#write-code").press("Control+Enter")
    expect(page.locator("#write .done").first).to_contain_text("Version 2")
    versions = page.locator("#versions .version")
    expect(versions).to_have_count(2)
    versions.nth(1).locator("summary").click()
    expect(versions.nth(1).locator("pre")).to_contain_text("ema(close, 5)")


def test_a_trader_finds_follows_hears_and_rates_a_formula(live: LiveServer, visit: Callable[..., Visitor]) -> None:
    author, formula = published_often(live, "busy_author", "Speaks often")
    visitor = visit_as_new(live, visit, "curious_trader")
    page = visitor.page
    go(page, "Marketplace")
    found_by_search(page, "speaks", "Speaks often").click()
    expect(page.locator("#formula-title")).to_have_text("Speaks often")
    expect(page.locator("#formula")).to_contain_text("Its subscribers see its signals")
    expect(page.locator("#formula .review-form")).to_be_hidden()
    page.get_by_role("button", name="Subscribe: Speaks often").click()
    expect(page.locator("#formula .head-figures")).to_contain_text("1 subscriber")
    expect(page.locator("#formula pre")).to_contain_text("close > open")
    expect(page.locator("#formula .signal-line.arriving").first).to_contain_text("IBM")
    a_review_is_published_and_changed(page)
    (review,) = author.get(f"/reviews/formula/{formula}")["results"]
    assert (review["rating"], review["comment"], review["user"]) == (3, "Speaks <b>often</b>", None)
    the_subscription_is_paused_and_ended(page)
    assert author.get(f"/formulas/{formula}")["total_subscribers"] == 0
    assert visitor.complaints == []


def published_often(live: LiveServer, username: str, name: str) -> tuple[Any, int]:
    """Somebody with a public formula that has a signal on nearly every bar of IBM; the caller and the formula's id."""
    author = live.register(username)
    body = {"name": name, "formula_code": OFTEN, "is_public": True, "category": "noise", "tags": ["often"]}
    formula = author.post("/formulas/", body)["id"]
    author.post("/deployments/", {"formula_id": formula, "symbol": "IBM", "resolution": "1D"})
    return author, formula


def visit_as_new(live: LiveServer, visit: Callable[..., Visitor], name: str, **options: Any) -> Visitor:
    live.register(name)
    return visit(name, **options)


def found_by_search(page: Page, words: str, name: str) -> Any:
    page.fill("#market-search", words)
    rows = page.locator("#marketplace .listed")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("unrated")
    return rows.get_by_role("link", name=name)


def a_review_is_published_and_changed(page: Page) -> None:
    page.select_option("#review-rating", "4")
    page.fill("#review-comment", "Speaks <b>often</b>")
    page.locator(".review-form").get_by_role("button", name="Publish review").click()
    expect(page.locator(".review")).to_contain_text("Speaks <b>often</b>")
    expect(page.locator("#formula .head-figures")).to_contain_text("★ 4.0 (1)")
    page.select_option("#review-rating", "3")
    page.check(".review-form [name=is_anonymous]")
    page.locator(".review-form").get_by_role("button", name="Change review").click()
    expect(page.locator("#formula .head-figures")).to_contain_text("★ 3.0 (1)")


def the_subscription_is_paused_and_ended(page: Page) -> None:
    go(page, "Subscriptions")
    row = page.locator("#subscriptions .listed")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    expect(row.get_by_role("button", name="Resume")).to_be_focused()
    row.get_by_role("button", name="Resume").click()
    row.get_by_role("checkbox").uncheck()
    page.reload()
    expect(row.get_by_role("checkbox")).not_to_be_checked()
    row.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator("#subscriptions .empty")).to_be_visible()


def test_filters_orders_and_pages_of_the_marketplace(live: LiveServer, visit: Callable[..., Visitor]) -> None:
    author = live.register("prolific_author")
    for number in range(23):
        body = {
            "name": f"Prolific {number:02}",
            "formula_code": OFTEN,
            "category": "prolific",
            "tags": [f"p{number % 2}"],
        }
        author.post("/formulas/", body)
    visitor = visit_as_new(live, visit, "browsing_trader")
    page = visitor.page
    go(page, "Marketplace")
    rows = page.locator("#marketplace .listed")
    page.select_option("#market-category", "prolific")
    expect(page.locator("#marketplace .results [role=status]")).to_have_text("23 formulas")
    expect(rows).to_have_count(20)
    page.locator(".pager").get_by_role("button", name="Next").click()
    expect(rows).to_have_count(3)
    page.select_option("#market-tags", "p1")
    expect(rows).to_have_count(11)
    page.fill("#market-score", "10")
    expect(page.locator("#marketplace .empty")).to_be_visible()
    page.fill("#market-score", "1000")
    expect(page.locator("#marketplace .problem")).to_be_visible()
    assert visitor.complaints_beyond(400) == []


def test_what_is_being_written_survives_a_look_elsewhere(live: LiveServer, visit: Callable[..., Visitor]) -> None:
    visitor = visit_as_new(live, visit, "distracted_author")
    page = visitor.page
    go(page, "Write")
    page.fill("#write-code", RIGHT)
    page.locator("#write-code").press("End")
    page.locator("#write-code").press("ControlOrMeta+End")
    page.keyboard.press("Enter")
    page.keyboard.type("if rsi > 80:\nsell()")
    assert page.input_value("#write-code").endswith("if rsi > 80:\n    sell()"), "a line after a colon is indented"
    go(page, "Marketplace")
    go(page, "Write")
    assert page.input_value("#write-code").endswith("sell()")
    page.click("#sign-out")
    page.get_by_role("dialog").get_by_role("button", name="Drop them").click()
    live.register("next_author")
    visitor.enter("next_author")
    go(page, "Write")
    assert "rsi > 80" not in page.input_value("#write-code"), "the next person must not read it"
    assert visitor.complaints == []


def test_what_is_not_saved_is_asked_about_before_it_is_dropped(live: LiveServer, visit: Callable[..., Visitor]) -> None:
    author = live.register("forgetful_author")
    for name in ("First idea", "Second idea"):
        author.post("/formulas/", {"name": name, "formula_code": OFTEN})
    visitor = visit("forgetful_author")
    page = visitor.page
    go(page, "Write")
    ideas, title = page.locator("#write .own-formulas"), page.locator("#write h1")
    ideas.get_by_role("link", name="First idea").click()
    expect(title).to_have_text("First idea")
    address = page.url
    page.fill("#write-code", RIGHT)
    ideas.get_by_role("link", name="Second idea").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("“First idea” has changes that were not saved")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    expect(page).to_have_url(address)
    assert page.input_value("#write-code") == RIGHT
    page.get_by_role("link", name="Begin a new one").click()
    question.get_by_role("button", name="Drop them").click()
    expect(title).to_have_text("Write a formula")
    ideas.get_by_role("link", name="First idea").click()
    expect(title).to_have_text("First idea")
    assert page.input_value("#write-code") == OFTEN
    assert visitor.complaints == []


def test_a_formula_that_runs_in_many_places_is_leafed_through(live: LiveServer, visit: Callable[..., Visitor]) -> None:
    author = live.register("many_sided_author")
    body = {"name": "Many sides", "formula_code": "n = param(3, min=2, max=90)\nif close < close[n] - 900: buy()"}
    formula = author.post("/formulas/", body)["id"]
    for n in range(3, 24):
        fields = {"formula_id": formula, "symbol": "IBM", "resolution": "1D", "parameters": {"n": n}}
        author.post("/deployments/", fields)
    visitor = visit("many_sided_author")
    page = visitor.page
    page.evaluate("hash => { location.hash = hash; }", f"write/{formula}")
    rows, pager = page.locator("#deployments .item"), page.locator("#deployments .pager")
    expect(rows).to_have_count(20)
    pager.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(1)
    rows.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(rows).to_have_count(20)
    expect(pager).to_be_hidden()
    assert visitor.complaints == []


@pytest.mark.parametrize("place", ["marketplace", "subscriptions", "write", "formula"])
def test_every_view_fits_a_phone_and_has_its_title(live: LiveServer, visit: Callable[..., Visitor], place: str) -> None:
    _, formula = published_often(live, f"narrow_author_{place}", "A long name for a formula that says very much")
    visitor = visit_as_new(live, visit, f"narrow_reader_{place}", viewport=NARROW)
    page = visitor.page
    page.evaluate("hash => { location.hash = hash; }", f"{place}/{formula}" if place == "formula" else place)
    view = page.locator(f"#{place}")
    expect(view.locator("h1")).to_be_visible()
    if place == "write":
        expect(view.locator(".legend li").first).to_be_visible()
    wait_until(page, lambda: not page.evaluate(TOO_WIDE), "it is wider than a phone")
    unnamed = view.locator("input:visible, textarea:visible, select:visible").evaluate_all(
        "fields => fields.filter((one) => !one.labels?.length && !one.getAttribute('aria-label')).map((one) => one.id)"
    )
    assert unnamed == []
    assert visitor.complaints == []
