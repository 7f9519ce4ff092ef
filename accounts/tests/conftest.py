"""People to test with, and how they sign in."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Role, User

PASSWORD = "correct horse battery"
AUTH = "/api/v1/auth"


MakePerson = Callable[..., User]


@pytest.fixture
def make_person(db: None) -> MakePerson:
    def make(name: str = "mia", role: Role = Role.USER, **fields: Any) -> User:
        return services.register_user(
            email=f"{name}@example.com", username=name, password=PASSWORD, role=role, **fields
        )

    return make


@pytest.fixture
def mia(make_person: MakePerson) -> User:
    return make_person()


def sign_in(name: str = "mia", password: str = PASSWORD) -> dict[str, Any]:
    answer = APIClient().post(f"{AUTH}/login", {"username": name, "password": password})
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def me_status(token: str) -> int:
    return int(bearer(token).get(f"{AUTH}/me").status_code)


def refresh(token: str) -> Any:
    return APIClient().post(f"{AUTH}/refresh", {"refresh_token": token})


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the services say has happened, in order."""
    events: list[Any] = []
    for module in ("people", "sessions"):
        monkeypatch.setattr(f"accounts.services.{module}.publish", events.append)
    return events
