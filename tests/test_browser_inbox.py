"""How the page keeps its inbox whole: lists that overtake each other, and positions that the server has given up."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Request, Route, WebSocketRoute, expect

from tests.browser import Visitor, wait_until
from tests.server import PASSWORD, Caller, LiveServer

pytestmark = [pytest.mark.browser]


@pytest.fixture(scope="module")
def live(paced: LiveServer) -> LiveServer:
    return paced


def test_a_reset_makes_the_page_forget_those_positions_and_read_the_list_again(visitor: Visitor) -> None:
    page = visitor.page
    lines: list[WebSocketRoute] = []
    asked: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    read: list[str] = []

    def pass_on(text: str | bytes, heard: list[dict[str, Any]], to: WebSocketRoute) -> None:
        heard.append(json.loads(text))
        to.send(text)

    def listen(line: WebSocketRoute) -> None:
        lines.append(line)
        server = line.connect_to_server()
        line.on_message(lambda text: pass_on(text, asked, server))
        server.on_message(lambda text: pass_on(text, told, line))

    def note(request: Request) -> None:
        if "/notifications/?" in request.url:
            read.append(request.url)

    def subscribed() -> list[set[str]]:
        return [set(one["payload"].get("streams", {})) for one in asked if one["type"] == "notifications.subscribe"]

    page.route_web_socket(re.compile("/api/v1/ws"), listen)
    page.on("request", note)
    visitor.enter_as_demo()
    wait_until(page, lambda: any(one["type"] == "notifications.live" for one in told), "nothing was live")
    expect(page.locator("#inbox-list > li").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    before = len(read)
    lines[0].send(json.dumps({"type": "reset", "payload": {"streams": ["all"]}}))
    wait_until(page, lambda: len(read) > before, "the list was not read again")
    lines[0].close(code=4012, reason="restarting")
    wait_until(page, lambda: len(subscribed()) > 1, "the page has not come back")
    known = next(set(one["payload"]["streams"]) for one in told if one["type"] == "notifications.live")
    assert "all" in known, "a stream without traffic, of which a position was known"
    assert subscribed()[-1] == known - {"all"}
    assert visitor.complaints == []


def test_a_list_that_was_overtaken_by_a_newer_one_is_not_shown(visitor: Visitor) -> None:
    page = visitor.page
    held: list[Route] = []
    page.route("**/api/v1/notifications/?*", lambda route: held.append(route), times=2)
    visitor.enter_as_demo()
    wait_until(page, lambda: len(held) == 2, "the inbox is read once more when its stream has begun")
    overtaken = {
        "id": "gone",
        "type": "system",
        "title": "Long ago",
        "message": "",
        "created_at": "2020-01-01T00:00:00Z",
    }
    held[0].fulfill(json={"results": [overtaken], "unread_count": 1})
    held[1].continue_()
    expect(page.locator("#inbox-list > li").nth(1)).to_be_visible()
    expect(page.locator("#inbox-list").get_by_text("Long ago")).to_have_count(0)
    assert visitor.complaints == []


def test_what_one_tab_answers_and_reads_every_open_tab_shows(visitor: Visitor) -> None:
    answerer = visitor.server.register("answerer")
    signal = {"type": "trade_signal", "priority": "high", "title": "BUY ACME", "message": "m"}
    first, second = (answerer.post("/notifications", signal)["id"] for _ in range(2))
    pages = [visitor.page, visitor.page.context.new_page()]
    for page in pages:
        page.goto(visitor.server.site)
        page.fill("#login", "answerer")
        page.fill("#password", PASSWORD)
        page.click("#sign-in [type=submit]")
        expect(page.locator("#inbox-list > .fresh")).to_have_count(2)
    here, there = pages
    here.locator(f"[data-id='{first}']").get_by_role("button", name="Reject").click()
    for page in pages:
        expect(page.locator(f"[data-id='{first}'] .answer")).to_have_text("Rejected")
        expect(page.locator("#unread-count")).to_have_text("1")
    assert answerer.get(f"/notifications/{first}")["response"] == "reject"
    there.click("#read-all")
    for page in pages:
        expect(page.locator("#inbox-list > .fresh")).to_have_count(0)
        expect(page.locator("#unread-count")).to_be_hidden()
    answerer.post(f"/notifications/{second}/respond", {"response": "accept"})
    here.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(here.locator(f"[data-id='{second}'] .answer")).to_have_text("Accepted")
    assert visitor.complaints == []


def test_the_list_is_narrowed_and_read_back_to_its_beginning(visitor: Visitor) -> None:
    page = visitor.page
    reader = visitor.server.register("reader")
    ids = [tell(reader, number) for number in range(45)]
    read: list[Request] = []
    page.on("requestfinished", lambda request: read.append(request) if "/notifications/?" in request.url else None)
    visitor.open()
    visitor.enter("reader")
    rows, more = page.locator("#inbox-list > li"), page.locator("#inbox-more")
    wait_until(page, lambda: len(read) == 2, "the inbox is read once more when its stream has begun")
    expect(page.locator("#inbox-list")).to_have_attribute("aria-busy", "false")
    expect(rows).to_have_count(20)
    ids.append(tell(reader, 45))
    expect(rows).to_have_count(21)
    more.click()
    expect(rows).to_have_count(41)
    more.click()
    expect(rows).to_have_count(46)
    expect(more).to_be_hidden()
    assert page.eval_on_selector_all("#inbox-list > li", "all => all.map((one) => one.dataset.id)") == ids[::-1]
    page.select_option("#inbox-type", label="Price alert")
    expect(rows).to_have_count(20)
    expect(rows.first).to_contain_text("Number 45")
    expect(rows.nth(1)).to_contain_text("Number 43")
    page.locator("#inbox-filter").get_by_role("button", name="Unread").click()
    expect(page.locator("#inbox-list")).to_have_attribute("aria-busy", "false")
    rows.first.get_by_role("button", name="Mark read").click()
    expect(page.locator("#unread-count")).to_have_text("45")
    more.click()
    expect(rows).to_have_count(23)
    expect(rows.last).to_contain_text("Number 1")
    ids.append(tell(reader, 46))
    expect(page.locator("#unread-count")).to_have_text("46")
    expect(rows).to_have_count(23)
    reader.post("/notifications/read-all")
    page.reload()
    page.locator("#inbox-filter").get_by_role("button", name="Unread").click()
    expect(page.locator("#inbox-empty")).to_have_text("Nothing here of what you have chosen.")
    assert visitor.complaints == []


def tell(reader: Caller, number: int) -> Any:
    """The id of a notification to oneself: alerts where `number` is odd."""
    body = {"type": "price_alert" if number % 2 else "system", "priority": "low", "message": "m"}
    return reader.post("/notifications", {**body, "title": f"Number {number}"})["id"]


def test_a_link_to_a_notification_shows_it_once_somebody_has_signed_in(visitor: Visitor) -> None:
    page = visitor.page
    seeker = visitor.server.register("seeker")
    oldest, *_ = [tell(seeker, number) for number in range(22)]
    visitor.open(f"/#notification={oldest}")
    visitor.enter("seeker")
    expect(page.locator(f"#inbox-list > [data-id='{oldest}']")).to_be_focused()
    assert page.url == f"{visitor.server.site}/"
    expect(page.locator("#inbox-list > li").last).to_contain_text("Number 0")
    page.click("#inbox-more")
    expect(page.locator("#inbox-list > li")).to_have_count(22)
    expect(page.locator("#inbox-list > li").nth(20)).to_contain_text("Number 1")
    assert visitor.complaints == []
