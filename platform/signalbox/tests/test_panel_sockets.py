"""Sockets that come with the control panel's cookie: of pages of this very site, and no longer than the sign-in."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from kernel.background import on_thread
from kernel.realtime.rechecks import recheck_sockets
from signalbox.tests.test_key_sockets import Machine, opened

pytestmark = pytest.mark.django_db(transaction=True)

HOST = "testserver"


@pytest.fixture
def panel(person: Callable[..., User]) -> Client:
    """A browser in which an operator is signed in to the control panel."""
    browser = Client()
    browser.force_login(person("olga", role="operator"))
    return browser


@pytest.fixture
def cookie(panel: Client) -> str:
    return f"theme=dark; sessionid={panel.cookies['sessionid'].value}"


async def is_let_in(machine: Machine) -> bool:
    """Whether what is for people who signed in is given."""
    machine.ask("notifications.subscribe")
    answer = await machine.until(lambda message: message.get("type") in {"notifications.subscribe.response", "error"})
    return bool(answer["type"] != "error")


async def test_a_page_of_this_site_needs_nothing_but_the_cookie(cookie: str) -> None:
    async with opened("", host=HOST, origin=f"http://{HOST}", cookie=cookie) as machine:
        assert await is_let_in(machine)


@pytest.mark.parametrize("origin", [None, "http://friend.example"])
async def test_the_cookie_opens_nothing_for_programs_and_other_sites(
    cookie: str, origin: str | None, settings: Any
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["http://friend.example"]
    named = {"origin": origin} if origin else {}
    async with opened("", host=HOST, cookie=cookie, **named) as machine:
        assert not await is_let_in(machine)


async def test_a_cookie_of_nobody_closes_with_4401(person: Callable[..., User]) -> None:
    async with opened("", host=HOST, origin=f"http://{HOST}", cookie="sessionid=nothing") as machine:
        assert await machine.closed_with() == 4401


async def test_a_session_that_ends_without_a_word_is_noticed(panel: Client, cookie: str) -> None:
    async with opened("", host=HOST, origin=f"http://{HOST}", cookie=cookie) as machine:
        assert await is_let_in(machine)
        await on_thread(Session.objects.all().delete)
        await recheck_sockets()
        assert await machine.closed_with() == 4401


async def test_signing_out_of_the_panel_closes_its_sockets_at_once(panel: Client, cookie: str) -> None:
    async with opened("", host=HOST, origin=f"http://{HOST}", cookie=cookie) as machine:
        assert await is_let_in(machine)
        await on_thread(panel.post, "/admin/logout/")
        assert await machine.closed_with() == 4401
