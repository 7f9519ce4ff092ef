"""The page of the sockets' document: drawn in a real browser from this server alone, and honest without its viewer."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from signalbox import assets
from tests.browser import Visitor
from tests.server import LiveServer
from tests.surface import V1, stranger

PAGE = f"{V1}/ws/asyncapi"


@pytest.fixture
def without_viewer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder in which the viewer is looked for: an empty one."""
    folder = tmp_path / "assets"
    monkeypatch.setattr(assets, "FOLDER", folder)
    return folder


@pytest.fixture
def viewer() -> None:
    """The viewer as set-up leaves it."""
    if not assets.is_there():
        assets.fetch()


@pytest.mark.browser
def test_the_page_of_the_sockets_document_renders_from_this_server_alone(
    viewer: None, browser: Browser, paced: LiveServer
) -> None:
    visitor = Visitor(browser, paced)
    assert visitor.open(PAGE) == 200
    page = visitor.page
    expect(page.get_by_text("Signalbox sockets").filter(visible=True).first).to_be_visible()
    for message in ("bars.subscribe", "bars.update", "notifications.subscribe"):
        expect(page.locator(f'a[href="#message-{message}"]').first).to_be_attached()
    assert visitor.complaints == []
    page.context.close()


@pytest.mark.django_db
def test_without_its_viewer_the_page_says_so_and_links_the_document(without_viewer: Path) -> None:
    response = stranger().get(PAGE)
    text = response.content.decode()
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "is not installed" in text
    assert "<script" not in text
    [link] = re.findall(r'<a href="([^"]+)"', text)
    assert stranger().get(link).json()["asyncapi"] == "3.0.0"


@pytest.mark.django_db
def test_with_its_viewer_the_page_names_no_other_host(without_viewer: Path) -> None:
    without_viewer.mkdir()
    (without_viewer / assets.SCRIPT).touch()
    text = stranger().get(PAGE).content.decode()
    assert re.findall(r'(?:src|href)="(/[^"]+)"', text).count(f"{assets.URL}/{assets.SCRIPT}") == 1
    assert "http" not in text
    assert not re.search(r'(?:src|href)="(?!/[a-z])', text)
