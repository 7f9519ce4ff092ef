"""People with their streams, and notifications in them."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from notifications import services
from notifications.models import Notification


@pytest.fixture
def member(person: Callable[..., User]) -> Callable[..., User]:
    """A maker of people who have joined the streams that are theirs."""

    def make(username: str = "ann", **fields: Any) -> User:
        user = person(username, **fields)
        services.sync_memberships(user_id=user.pk)
        return user

    return make


@pytest.fixture
def tell() -> Callable[..., Notification]:
    """`tell("formula:12", "title")` adds the least that is a notification."""

    def add(stream: str, title: str = "Hello", **fields: Any) -> Notification:
        return services.create_notification(
            stream_name=stream, title=title, **{"type": "info", "message": "text", **fields}
        )

    return add
