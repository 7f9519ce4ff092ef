"""How the page keeps its inbox whole: lists that overtake each other, and positions that the server has given up."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Request, Route, WebSocketRoute, expect

from tests.browser import Visitor, opened, wait_until
from tests.server import LiveServer

pytestmark = [pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser, live: LiveServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, live)
    yield visitor
    visitor.page.context.close()


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
