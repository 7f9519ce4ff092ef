"""A sign-in that is too old for sensitive steps, and how it becomes fresh again."""

from datetime import timedelta
from typing import Any

import pytest

from accounts import services
from accounts.models import Session, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, bearer, sign_in
from kernel import clock

SENSITIVE = [
    ("post", "api-keys"),
    ("post", "mfa/totp"),
    ("post", "mfa/webauthn"),
    ("post", "mfa/recovery-codes"),
    ("delete", "mfa/1"),
]


def grow_old() -> None:
    Session.objects.update(authenticated_at=clock.now() - timedelta(minutes=5, seconds=1))


@pytest.mark.parametrize(("method", "path"), SENSITIVE)
def test_a_sensitive_step_asks_for_a_fresh_sign_in(mia: User, method: str, path: str) -> None:
    client = bearer(sign_in()["access_token"])
    fresh = getattr(client, method)(f"{AUTH}/{path}")
    assert fresh.status_code != 403
    grow_old()
    answer = getattr(client, method)(f"{AUTH}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (403, "reauth_required")


def test_the_password_makes_this_sign_in_fresh_and_no_other(mia: User) -> None:
    here, there = bearer(sign_in()["access_token"]), bearer(sign_in()["access_token"])
    grow_old()
    answer = here.post(f"{AUTH}/reauthenticate", {"password": PASSWORD})
    assert answer.status_code == 200
    left = clock.from_epoch(0).fromisoformat(answer.json()["fresh_until"]) - clock.now()
    assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)
    assert here.post(f"{AUTH}/mfa/totp").status_code == 200
    assert there.post(f"{AUTH}/mfa/totp").status_code == 403


def test_refreshing_the_tokens_does_not_make_a_sign_in_fresh(mia: User) -> None:
    pair = sign_in()
    grow_old()
    new = services.refresh(refresh_token=pair["refresh_token"])
    assert bearer(new.access_token).post(f"{AUTH}/mfa/totp").status_code == 403


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"code": "123456"}, {"password": "x" * 200}])
def test_a_wrong_proof_proves_nothing_and_is_counted(mia: User, body: dict[str, Any]) -> None:
    client = bearer(sign_in()["access_token"])
    grow_old()
    tries = [client.post(f"{AUTH}/reauthenticate", body).status_code for _ in range(11)]
    assert tries == [400] * 10 + [429]
    assert client.post(f"{AUTH}/reauthenticate", {"password": PASSWORD}).status_code == 429
    assert client.post(f"{AUTH}/mfa/totp").status_code == 403


@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": PASSWORD, "code": "1"}, {"credential": {}}])
def test_one_proof_is_asked_for(mia: User, body: dict[str, Any]) -> None:
    assert bearer(sign_in()["access_token"]).post(f"{AUTH}/reauthenticate", body).status_code == 400


def test_anothers_password_proves_nothing(make_person: MakePerson) -> None:
    make_person("mia")
    services.set_password(user=make_person("tom"), password="the password of tom")
    client = bearer(sign_in()["access_token"])
    assert client.post(f"{AUTH}/reauthenticate", {"password": "the password of tom"}).status_code == 400
