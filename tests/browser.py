"""A real browser for the tests, and a visitor who notes everything that a page should not have done."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.server import PASSWORD, LiveServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WITHIN = 15_000  # milliseconds that a page may take to show what is expected of it
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
NARROW = {"width": 390, "height": 844}
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"
# A device that keeps passkeys and has checked that it is its owner.
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def chromium() -> str:
    """Where Chromium is; its absence is a failure, for these journeys are proved nowhere else."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.fail("Chromium is missing: `apt-get install chromium`, or name the program in CHROMIUM", pytrace=False)
    return found


@contextmanager
def opened() -> Iterator[Browser]:
    """A headless Chromium that speaks to nobody on its own account."""
    path = chromium()
    expect.set_options(timeout=WITHIN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One person's tab on `server`, signed in as nobody. `complaints` fill with console errors and foreign requests."""

    def __init__(self, browser: Browser, server: LiveServer, viewport: dict[str, int] = DESK) -> None:
        context = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
        context.set_default_timeout(WITHIN)
        self.server = server
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url))

    def _heard(self, message: ConsoleMessage) -> None:
        # What the content security policy refuses is told here as well.
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.server.site).netloc:
            self.complaints.append(f"another origin was asked: {url}")

    def complaints_beyond(self, *status: int) -> list[str]:
        """The complaints other than the browser's own note of answers with `status`, which the journey provoked."""
        provoked = [f"responded with a status of {code} " for code in status]
        return [told for told in self.complaints if not any(part in told for part in provoked)]

    def open(self, path: str = "/") -> int:
        """Go there; the status of the answer."""
        answer: Any = self.page.goto(f"{self.server.site}{path}")
        return int(answer.status)

    def enter_as_demo(self) -> None:
        """Follow the link that the first start prints."""
        self.page.goto(f"{self.server.site}/#demo={quote(PASSWORD)}")
        expect(self.page.locator("#connection")).to_have_attribute("data-state", "live")

    def enter(self, login: str, password: str = PASSWORD) -> None:
        """Sign in by the form."""
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click("#sign-in [type=submit]")


def wait_until(page: Page, holds: Callable[[], bool], otherwise: str) -> None:
    """Ask from here: the page's own policy forbids the waiting that the library would do inside it."""
    deadline = time.monotonic() + WITHIN / 1000
    while not holds():
        assert time.monotonic() < deadline, otherwise
        page.wait_for_timeout(50)


def open_account(visitor: Visitor, name: str) -> Page:
    """The account panel of somebody who signs in by the form."""
    visitor.open("/#account")
    visitor.enter(name)
    expect(visitor.page.locator("#profile-username")).to_have_value(name)
    return visitor.page


def card(page: Page, name: str) -> Locator:
    return page.locator(f"#account-{name}")


def with_passkeys(page: Page) -> None:
    """Give the page's browser a device for passkeys, as its own tools for developers do."""
    line = page.context.new_cdp_session(page)
    line.send("WebAuthn.enable")
    line.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
