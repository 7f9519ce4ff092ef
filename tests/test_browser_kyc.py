"""The reviewer's walk in a real browser: sign in, queue, document, decision; and the applicant, who hears of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from websockets.sync.client import connect

from accounts.tests.kyc_files import pdf, picture
from tests.browser import Visitor
from tests.server import PASSWORD, Caller, LiveServer

pytestmark = [pytest.mark.browser]

REASON = "The photo is too dark to read."
# What loads nothing but pixels has no size until it has been shown.
SHOWN = "image => image.complete && image.naturalWidth"


@pytest.fixture(scope="module")
def live(paced: LiveServer) -> LiveServer:
    return paced


@pytest.fixture
def reviewer(visitor: Visitor) -> Visitor:
    return visitor


def hand_in(applicant: Caller) -> None:
    files = [
        ("documents", ("pass.jpg", picture(size=(800, 560)))),
        ("documents", ("bill.pdf", pdf())),
    ]
    types = ["passport", "proof_of_address"]
    answer = applicant.http.post("/auth/kyc/upload", files=files, data={"document_type": types})
    assert answer.status_code == 201, answer.text


def sign_in(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.site}/admin/")
    page.fill("input[name=username]", "reviewer@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.click("[type=submit]")


def open_queue(page: Page, username: str) -> None:
    page.goto(page.url.partition("/admin/")[0] + "/admin/accounts/kycsubmission/")
    row = page.locator("#result_list tr", has_text=username)
    expect(row).to_contain_text("pending")
    expect(row).to_contain_text("minute")


def look_at_the_documents(page: Page) -> None:
    image = page.locator("#kyc-review img")
    expect(image).to_be_visible()
    image.scroll_into_view_if_needed()
    assert image.evaluate(SHOWN) == 800
    frame = page.locator("#kyc-review iframe")
    frame.scroll_into_view_if_needed()
    expect(frame).to_be_visible()


def next_notification(socket: Any) -> dict[str, Any]:
    while True:
        message = json.loads(socket.recv(timeout=20))
        if message["type"] == "notification":
            return dict(message)


def test_a_reviewer_rejects_and_the_applicant_s_open_socket_tells_why(
    live: LiveServer, reviewer: Visitor, tmp_path: Path
) -> None:
    applicant = live.register("applicant")
    hand_in(applicant)
    page = reviewer.page
    with connect(f"{live.sockets}/api/v1/ws?token={applicant.token}") as socket:
        socket.send(json.dumps({"type": "notifications.subscribe", "id": 1}))
        sign_in(page, live)
        open_queue(page, "applicant")
        page.screenshot(path=tmp_path / "queue.png")
        page.click("#result_list a:has-text('applicant')")
        look_at_the_documents(page)
        page.screenshot(path=tmp_path / "documents.png", full_page=True)
        page.click("#kyc-decision button[value=reject]")
        expect(page.locator("body")).to_contain_text("A reason of at most")
        page.fill("#kyc-reason", REASON)
        page.screenshot(path=tmp_path / "decision.png", full_page=True)
        page.click("#kyc-decision button[value=reject]")
        expect(page.locator("body")).to_contain_text(re.compile("applicant.*rejected"))
        page.screenshot(path=tmp_path / "decided.png")
        told = next_notification(socket)
    assert REASON.rstrip(".") in json.dumps(told)
    assert "kyc" in json.dumps(told)
    status = applicant.get("/auth/kyc/status")
    assert (status["status"], status["reason"]) == ("rejected", REASON)
    # The browser's own viewer of PDFs is an extension to it.
    assert [told for told in reviewer.complaints if "chrome-extension:" not in told and "chrome:" not in told] == []


def test_the_decided_one_is_gone_from_the_queue_and_found_among_all(live: LiveServer, reviewer: Visitor) -> None:
    applicant = live.register("second_applicant")
    hand_in(applicant)
    page = reviewer.page
    sign_in(page, live)
    open_queue(page, "second_applicant")
    page.click("#result_list a:has-text('second_applicant')")
    page.click("#kyc-decision button[value=approve]")
    expect(page.locator("body")).to_contain_text("approved.")
    expect(page.locator("#result_list tr", has_text="second_applicant")).to_have_count(0)
    page.goto(page.url.partition("?")[0] + "?queue=all&q=second_applicant")
    expect(page.locator("#result_list tr", has_text="second_applicant")).to_contain_text("approved")
    assert applicant.get("/auth/me")["kyc_status"] == "approved"
