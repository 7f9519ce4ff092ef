"""What a person sees: the web page, the control panel and the API documents in a real browser on a real server."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser import PHONE, TOO_WIDE, Visitor, wait_until
from tests.server import PASSWORD, LiveServer

pytestmark = [pytest.mark.browser]

# Pixels of the chart in the two colours that only candles, volumes and marks have.
CANDLE_PIXELS = """() => {
  const canvas = document.getElementById('chart');
  const style = getComputedStyle(document.documentElement);
  const wanted = ['--up', '--down'].map((name) => parseInt(style.getPropertyValue(name).trim().slice(1), 16));
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (wanted.includes((data[at] << 16) | (data[at + 1] << 8) | data[at + 2])) found += 1;
  }
  return found;
}"""
OFTEN = "if close > open: buy()\nif close < open: sell()"


@pytest.fixture(scope="module")
def live(paced: LiveServer) -> LiveServer:
    return paced


def test_the_demo_link_shows_bars_signals_and_notifications_arriving(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    visitor.enter_as_demo()
    expect(page.locator("#who")).to_have_text("trader@example.com")
    assert page.url == f"{visitor.server.site}/", "the password must not stay in the address"
    page.evaluate("window.sameDocument = true")
    bars_are_drawn_and_follow(page)
    a_signal_arrives_and_tells_why(page)
    a_signal_is_looked_at_on_its_own_chart(page)
    accepted = a_notification_arrives_and_is_accepted(page)
    trader = visitor.server.sign_in("trader")
    assert trader.get(f"/notifications/{accepted}")["response"] == "accept"
    assert page.evaluate("window.sameDocument"), "nothing of this may need a reload"
    assert visitor.complaints == []


def bars_are_drawn(page: Page) -> None:
    wait_until(page, lambda: page.evaluate(CANDLE_PIXELS) > 500, "the chart stayed blank")


def bars_are_drawn_and_follow(page: Page) -> None:
    bars_are_drawn(page)
    newest = page.locator("#readout .readout-time")
    seen = newest.inner_text()
    assert re.search(r"\d{4}", seen)
    expect(newest).not_to_have_text(seen)
    expect(page.locator("#source")).to_have_text("Replay of real history")


def a_signal_arrives_and_tells_why(page: Page) -> None:
    arrived = page.locator("#signals-list > .arriving").first
    expect(arrived).to_be_visible()
    arrived.locator("summary").click()
    why = page.locator("#signals-list details[open] .why").first
    expect(why).to_contain_text(re.compile(r"sma\(close, 3\)|rsi\(14\)|macd\(12, 26, 9\)"))
    expect(why).to_contain_text("On the bar of")
    prices = page.locator("#signals-list .signal-price")
    expect(prices.first).to_have_text(re.compile(r"^[\d,]+\.\d\d$"))
    expect(page.locator("#signals-list .signal time").first).to_have_attribute("title", re.compile(r"^\d{4}-.* UTC$"))


def a_signal_is_looked_at_on_its_own_chart(page: Page) -> None:
    row = page.locator("#signals-list > li", has=page.locator("details[open]")).first
    symbol = row.locator(".signal-what b").inner_text()
    row.get_by_role("button", name="Show on the chart").click()
    expect(page.locator("#symbol")).to_have_value(symbol)
    told = f"{row.locator('.side').inner_text()}: {row.locator('.signal-formula').inner_text()}"
    expect(page.locator("#readout .readout-signal", has_text=told).first).to_be_visible()
    day = row.locator(".why-bar time").inner_text()
    expect(page.locator("#readout .readout-time")).to_have_text(day)
    page.locator("#chart").press("ArrowLeft")
    expect(page.locator("#readout .readout-time")).not_to_have_text(day)


def a_notification_arrives_and_is_accepted(page: Page) -> Any:
    """The id of the notification; another one is marked read on the way."""
    expect(page.locator("#inbox-list > .arriving").first).to_be_visible()
    expect(page.locator("#inbox-list > .fresh").nth(1)).to_be_visible()
    expect(page.locator("#unread-count")).to_be_visible()
    # Both in one go: a row that arrives in between would move them on.
    first, second = page.eval_on_selector_all(
        "#inbox-list > .fresh", "rows => rows.slice(0, 2).map((r) => r.dataset.id)"
    )
    row = page.locator(f"#inbox-list [data-id='{first}']")
    row.get_by_role("button", name="Accept").click()
    expect(row.locator(".answer")).to_have_text("Accepted")
    other = page.locator(f"#inbox-list [data-id='{second}']")
    other.get_by_role("button", name="Mark read").click()
    expect(other).not_to_have_class(re.compile("fresh"))
    return first


def test_intraday_bars_are_labelled_as_simulated_and_daily_ones_as_real(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    visitor.enter_as_demo()
    page.fill("#symbol", "AAP")
    page.get_by_role("option", name="Apple").click()
    source = page.locator("#source")
    expect(source).to_have_text("Replay of real history")
    page.locator("#resolutions").get_by_role("button", name="5m", exact=True).click()
    expect(source).to_have_text("Simulated market")
    bars_are_drawn(page)
    assert visitor.complaints == []


def test_a_wrong_password_is_told_in_the_servers_words(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.open()
    visitor.enter("nobody@example.com", "a wrong password")
    wrong = {"email": "nobody@example.com", "password": "a wrong password"}
    refused = httpx.post(f"{visitor.server.site}/api/v1/auth/login", json=wrong)
    assert refused.status_code == 401
    expect(visitor.page.locator("#sign-in [data-problem]")).to_have_text(refused.json()["detail"])
    expect(visitor.page.locator("#workspace")).to_be_hidden()
    assert visitor.complaints_beyond(401) == []


def test_somebody_new_registers_signs_out_and_is_forgotten(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    visitor.open()
    page.click("#to-register")
    page.fill("#register-email", "not an address")
    page.fill("#register-username", "newcomer")
    page.fill("#register-password", PASSWORD)
    page.click("#register [type=submit]")
    expect(page.locator("#register-email-error")).not_to_be_empty()
    expect(page.locator("#register-email")).to_be_focused()
    page.fill("#register-email", "newcomer@example.com")
    page.click("#register [type=submit]")
    expect(page.locator("#who")).to_have_text("newcomer@example.com")
    expect(page.locator("#inbox-empty")).to_be_visible()
    page.reload()
    expect(page.locator("#who")).to_have_text("newcomer@example.com")
    page.click("#sign-out")
    expect(page.locator("#sign-in")).to_be_visible()
    page.reload()
    expect(page.locator("#sign-in")).to_be_visible()
    expect(page.locator("#workspace")).to_be_hidden()
    assert visitor.complaints_beyond(400) == []


def test_the_editor_marks_a_mistake_then_creates_and_deploys(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    author = visitor.server.register("page_author")
    visitor.open()
    visitor.enter("page_author")
    a_mistake_is_marked(page)
    page.fill("#formula-name", "<b>Often</b> & more")
    page.click("#editor [type=submit]")
    expect(page.locator("#formula-code")).to_be_focused()
    assert author.get("/formulas/", author="page_author")["total"] == 0
    page.fill("#formula-code", OFTEN)
    expect(page.locator("#code-verdict.good")).to_contain_text("Valid")
    page.click("#editor [type=submit]")
    page.locator("#editor-done").get_by_role("button", name="Deploy on IBM 1D").click()
    expect(page.locator("#editor-done")).to_contain_text("runs on IBM 1D now")
    row = page.locator("#formulas-list .formula").first
    expect(row.locator("h3")).to_have_text("<b>Often</b> & more")
    expect(row.locator(".running")).to_contain_text("IBM 1D")
    assert [one["symbol"] for one in author.get("/deployments/")["results"]] == ["IBM"]
    its_author_follows_and_hears_of_it(page)
    assert visitor.complaints_beyond(400) == []


def a_mistake_is_marked(page: Page) -> None:
    page.fill("#formula-code", "if rsi < 30:\n    by()")
    complaint = page.locator("#code-verdict button")
    expect(complaint).to_contain_text("Line 2, column 5")
    expect(page.locator("#code-lines .wrong")).to_have_text("2")
    complaint.click()
    assert page.evaluate("document.getElementById('formula-code').selectionStart") == len("if rsi < 30:\n    ")


def its_author_follows_and_hears_of_it(page: Page) -> None:
    row = page.locator("#formulas-list .formula").first
    row.get_by_role("button", name="Subscribe", exact=False).click()
    expect(row.get_by_role("button", name="Unsubscribe")).to_be_visible()
    expect(row).to_contain_text("0 subscribers")  # an author's own is not counted
    heard = page.locator("#inbox-list > .arriving").filter(has_text="<b>Often</b> & more").first
    expect(heard).to_be_visible()
    row.get_by_role("button", name="Unsubscribe").click()
    expect(row).to_contain_text("0 subscribers")
    row.get_by_role("button", name="Stop").click()
    expect(row.locator(".running")).to_have_count(0)


def test_nothing_is_wider_than_a_phone(visit: Callable[..., Visitor]) -> None:
    visitor = visit(viewport=PHONE)
    visitor.open()
    expect(visitor.page.locator("#sign-in")).to_be_visible()
    assert not visitor.page.evaluate(TOO_WIDE)
    visitor.enter_as_demo()
    expect(visitor.page.locator("#inbox-list > li").first).to_be_visible()
    assert not visitor.page.evaluate(TOO_WIDE)
    assert visitor.complaints == []


def test_the_page_comes_back_by_itself_when_its_connection_ends(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    lines: list[WebSocketRoute] = []
    page.route_web_socket(re.compile("/api/v1/ws"), lambda line: lines.append(line) or line.connect_to_server())
    visitor.enter_as_demo()
    bars_are_drawn_and_follow(page)
    lines[0].close(code=4012, reason="restarting")
    expect(page.locator("#connection")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert len(lines) == 2
    bars_are_drawn_and_follow(page)
    assert visitor.complaints == []


def test_an_administrator_signs_in_by_email_and_every_list_opens(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    assert visitor.open("/admin/") == 200
    page.fill("[name=username]", "admin@example.com")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_selector("#content")
    addresses = page.eval_on_selector_all("a[href^='/admin/']", "links => links.map((a) => a.getAttribute('href'))")
    lists = sorted({address for address in addresses if re.fullmatch(r"/admin/[a-z_]+/[a-z_]+/", address)})
    for model in ("formula", "deployment", "signal", "notification", "bar", "job", "user"):
        assert any(address.endswith(f"/{model}/") for address in lists), model
    for address in lists:
        assert visitor.open(address) == 200, address
        expect(page.locator("#changelist")).to_be_visible()
    assert visitor.complaints == []


@pytest.mark.parametrize(
    ("address", "operation"), [("/docs", ".opblock"), ("/redoc", "[data-section-id^='operation/']")]
)
def test_the_api_documents_render_from_this_server_alone(
    visit: Callable[..., Visitor], address: str, operation: str
) -> None:
    visitor = visit()
    assert visitor.open(address) == 200
    drawn = visitor.page.locator(operation)
    expect(drawn.filter(has_text="/auth/login").first).to_be_visible()
    # Of very many operations only those in view are drawn.
    visitor.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(drawn.filter(has_text="/versions").first).to_be_attached()
    assert visitor.complaints == []
