"""Signing in, staying signed in, signing out."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts import services
from accounts.errors import InvalidToken
from accounts.events import SessionRevoked
from accounts.handlers import close_session_sockets
from accounts.models import Session, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, bearer, me_status, refresh, sign_in
from kernel import clock


@pytest.mark.parametrize(
    "names",
    [
        {"email": "mia@example.com"},
        {"email": "MIA@Example.com"},
        {"username": "mia"},
        {"username": "Mia"},
        {"username": "mia@example.com"},
        {"email": "mia"},
        {"email": "", "username": "mia"},
    ],
)
def test_one_signs_in_by_either_name_in_either_field(mia: User, names: dict[str, str]) -> None:
    answer = APIClient().post(f"{AUTH}/login", {**names, "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 900
    assert answer["Cache-Control"] == "no-store"
    shown = bearer(body["access_token"]).get(f"{AUTH}/me").json()
    assert shown["id"] == mia.pk


def test_a_stale_credential_does_not_keep_one_from_signing_in(mia: User) -> None:
    answer = bearer("stale").post(f"{AUTH}/login", {"username": "mia", "password": PASSWORD})
    assert answer.status_code == 200


def test_a_sign_in_without_a_name_names_both_fields(db: None) -> None:
    answer = APIClient().post(f"{AUTH}/login", {"password": PASSWORD})
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"email", "username"}


@pytest.mark.parametrize("case", ["wrong password", "unknown", "inactive", "too long"])
def test_every_failed_sign_in_is_answered_alike(mia: User, case: str) -> None:
    if case == "inactive":
        services.deactivate(user=mia)
    name = "nobody" if case == "unknown" else "mia"
    password = {"wrong password": "no", "too long": "x" * 200}.get(case, PASSWORD)
    answer = APIClient().post(f"{AUTH}/login", {"username": name, "password": password})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    body = answer.json()
    assert (body["code"], body["detail"]) == ("invalid_credentials", "The name or the password is wrong.")


def test_an_unknown_name_costs_a_hash_like_a_known_one(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("accounts.services.sessions.make_password", hashed.append)
    APIClient().post(f"{AUTH}/login", {"username": "nobody", "password": "guess"})
    assert hashed == ["guess"]


def test_a_session_remembers_where_it_began(mia: User) -> None:
    APIClient().post(
        f"{AUTH}/login",
        {"username": "mia", "password": PASSWORD},
        HTTP_USER_AGENT="B" * 300,
        REMOTE_ADDR="192.0.2.7",
    )
    session = Session.objects.get()
    assert (session.address, session.user_agent) == ("192.0.2.7", "B" * 200)


def test_a_refresh_gives_a_new_pair_for_the_same_session(mia: User) -> None:
    first = sign_in()
    answer = refresh(first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert me_status(second["access_token"]) == 200
    assert me_status(first["access_token"]) == 200
    assert Session.objects.count() == 1
    assert refresh(second["refresh_token"]).status_code == 200


def test_a_used_refresh_token_ends_the_whole_session(mia: User, published: list[Any]) -> None:
    first = sign_in()
    second = refresh(first["refresh_token"]).json()
    elsewhere = sign_in()
    answer = refresh(first["refresh_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert refresh(second["refresh_token"]).status_code == 401
    assert me_status(second["access_token"]) == 401
    assert me_status(elsewhere["access_token"]) == 200
    ended = Session.objects.get(revoked_at__isnull=False)
    assert published == [SessionRevoked(session_id=str(ended.pk), user_id=mia.pk)]


def test_of_two_exchanges_of_what_both_read_as_current_one_wins(mia: User) -> None:
    sign_in()
    one, other = Session.objects.get(), Session.objects.get()
    services.sessions.rotate(session=one)
    with pytest.raises(InvalidToken):
        services.sessions.rotate(session=other)
    assert Session.objects.get().revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_of_many_refreshes_at_once_one_wins(make_person: MakePerson) -> None:
    make_person()
    token = sign_in()["refresh_token"]
    barrier, outcomes = threading.Barrier(4), []

    def exchange() -> None:
        barrier.wait()
        try:
            outcomes.append(services.refresh(refresh_token=token))
        except InvalidToken:
            outcomes.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=exchange) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert sum(outcome is not None for outcome in outcomes) == 1


def test_after_logout_neither_token_is_good(mia: User, published: list[Any]) -> None:
    pair, elsewhere = sign_in(), sign_in()
    answer = bearer(pair["access_token"]).post(f"{AUTH}/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert me_status(pair["access_token"]) == 401
    assert refresh(pair["refresh_token"]).status_code == 401
    assert me_status(elsewhere["access_token"]) == 200
    assert [type(event) for event in published] == [SessionRevoked]


def test_the_sockets_of_an_ended_session_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr("accounts.handlers.close_sockets", lambda *args: closed.append(args))
    close_session_sockets(SessionRevoked(session_id="abc", user_id=1))
    assert closed == [("session:abc", 4401)]


def test_nobody_logs_out_by_get(mia: User) -> None:
    pair = sign_in()
    assert bearer(pair["access_token"]).get(f"{AUTH}/logout").status_code == 405
    assert me_status(pair["access_token"]) == 200


def test_one_sees_where_one_is_signed_in_and_no_one_elses(mia: User, make_person: MakePerson) -> None:
    make_person("tom")
    sign_in("tom")
    here, there = sign_in(), sign_in()
    bearer(sign_in()["access_token"]).post(f"{AUTH}/logout")
    body = bearer(here["access_token"]).get(f"{AUTH}/sessions").json()
    assert body["total"] == 2
    assert [row["is_current"] for row in body["results"]].count(True) == 1
    other = next(row for row in body["results"] if not row["is_current"])
    assert set(other) == {"id", "created_at", "last_used_at", "expires_at", "user_agent", "address", "is_current"}
    assert bearer(here["access_token"]).delete(f"{AUTH}/sessions/{other['id']}").status_code == 204
    assert me_status(there["access_token"]) == 401
    assert me_status(here["access_token"]) == 200


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_session_of_another_does_not_exist(make_person: MakePerson, method: str) -> None:
    make_person("mia")
    make_person("tom", role="admin")
    hers = sign_in("mia")
    row = Session.objects.filter(user__username="mia").values().get()
    answer = getattr(bearer(sign_in("tom")["access_token"]), method)(f"{AUTH}/sessions/{row['id']}")
    assert answer.status_code == (404 if method == "delete" else 405)
    assert Session.objects.filter(user__username="mia").values().get() == row
    assert me_status(hers["access_token"]) == 200


def test_old_sessions_are_forgotten(mia: User) -> None:
    sign_in()
    sign_in()
    old = Session.objects.first()
    Session.objects.filter(pk=old.pk).update(expires_at=clock.now() - timedelta(days=31))
    assert services.forget_old_sessions() == 1
    assert not Session.objects.filter(pk=old.pk).exists()
