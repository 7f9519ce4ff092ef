"""People with their streams, and notifications in them."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.mail_server import MailServer
from accounts.tests.people import register
from kernel import clock
from kernel.realtime.hub import close_hub
from notifications import services
from notifications.channels.discord import Discord
from notifications.channels.slack import Slack
from notifications.channels.telegram import Telegram
from notifications.models import Channel, Notification
from notifications.services.channels import mark_verified
from notifications.tests.fake_services import WEBHOOK, FakeService


def join(username: str = "ann", **fields: Any) -> User:
    """A new person who has joined the streams that are theirs."""
    user = register(username, **fields)
    services.sync_memberships(user_id=user.pk)
    return user


@pytest.fixture
def member(db: None) -> Callable[..., User]:
    """A maker of people who have joined the streams that are theirs."""
    return join


@pytest.fixture(autouse=True)
async def _clean_hub() -> AsyncIterator[None]:
    yield
    await close_hub()


@pytest.fixture
def ann(member: Callable[..., User]) -> User:
    return member()


@pytest.fixture
def tell() -> Callable[..., Notification]:
    """`tell("formula:12", "title")` adds the least that is a notification."""

    def add(stream: str, title: str = "Hello", **fields: Any) -> Notification:
        return services.create_notification(
            stream_name=stream, title=title, **{"type": "info", "message": "text", **fields}
        )

    return add


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., datetime]:
    """`at(hours=2)` moves the clock on by that."""
    moved = timedelta()
    real = clock.now

    def move(**by: float) -> datetime:
        nonlocal moved
        moved += timedelta(**by)
        monkeypatch.setattr(clock, "now", lambda: real() + moved)
        return clock.now()

    return move


@pytest.fixture
def make_service(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], FakeService]]:
    """A maker of services on loopback, which may be reached; the last one stands in for those with a fixed host."""
    made: list[FakeService] = []

    def make() -> FakeService:
        service = FakeService()
        made.append(service)
        settings.OUTGOING_PRIVATE_HOSTS = frozenset(one.host for one in made)
        monkeypatch.setattr(Telegram, "service", service.url)
        monkeypatch.setattr(Slack, "service", f"{service.url}/")
        monkeypatch.setattr(Discord, "service", f"{service.url}/api/webhooks/")
        return service

    yield make
    for service in made:
        service.stop()


@pytest.fixture
def service(make_service: Callable[[], FakeService]) -> FakeService:
    return make_service()


@pytest.fixture
def webhook(service: FakeService) -> Callable[..., Channel]:
    """A maker of proven webhooks: `webhook(user)` posts to `service`, `webhook(user, url=…)` elsewhere."""

    def make(user: User, url: str = "") -> Channel:
        config = {"url": url or service.url + WEBHOOK}
        channel, _ = services.create_channel(user=user, kind="webhook", config=config)
        channel.deliveries.all().delete()
        mark_verified(channel=channel)
        channel.refresh_from_db()
        return channel

    return make


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        server.begin()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS = "", False
        yield server
        server.shutdown()
