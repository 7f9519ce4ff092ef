"""API keys: what a machine may do with one, and everything that ends it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.api.urls import urlpatterns as account_paths
from accounts.authentication import ApiKeyAuthentication
from accounts.events import ApiKeyRevoked
from accounts.models import ApiKey, Role, Session, User
from accounts.scopes import SCOPES, required_scope
from accounts.sockets import authenticate_socket, still_good
from accounts.tests.conftest import AUTH, MakePerson, bearer, sign_in
from accounts.tests.walk import views
from kernel import clock
from kernel.models import AuditEntry

KEYS = f"{AUTH}/api-keys"


def make_key(user: User, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
    return services.create_api_key(user=user, name="bot", scopes=scopes or ("read",), **fields)


def machine(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
    return client


def refused(text: str) -> bool:
    """Whether REST and sockets both refuse the key, as they refuse a bad token."""
    answer = machine(text).get(f"{AUTH}/me")
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert authenticate_socket("api-key", text) is None
    return True


def test_a_key_is_shown_once_and_kept_as_a_hash(mia: User) -> None:
    client = bearer(sign_in()["access_token"])
    end = clock.isoformat(clock.now() + timedelta(days=30))
    answer = client.post(KEYS, {"name": "bot", "scopes": ["trade", "read", "read"], "expires_at": end})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    body = answer.json()
    text = body.pop("key")
    assert text.startswith(f"sbx_{body['prefix']}_")
    assert len(text.rpartition("_")[0]) < len(text)
    assert body == client.get(KEYS).json()["results"][0]
    assert (body["scopes"], body["last_used_at"], body["expires_at"]) == (["read", "trade"], None, end)
    secret = text.removeprefix(f"sbx_{body['prefix']}_")
    kept = serializers.serialize("json", [*ApiKey.objects.all(), *AuditEntry.objects.all()])
    assert len(secret) == 43
    assert secret not in kept + repr(ApiKey.objects.get()) + client.get(KEYS).content.decode()
    assert machine(text).get(f"{AUTH}/me").json()["id"] == mia.pk


def test_making_a_key_needs_a_fresh_sign_in(mia: User) -> None:
    client = bearer(sign_in()["access_token"])
    Session.objects.update(authenticated_at=clock.now() - timedelta(minutes=5, seconds=1))
    answer = client.post(KEYS, {"name": "bot", "scopes": ["read"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "reauth_required")
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("scopes", []),
        ("scopes", ["everything"]),
        ("scopes", "read"),
        ("expires_at", "2001-01-01T00:00:00Z"),
        ("expires_at", "soon"),
    ],
)
def test_a_faulty_key_names_the_field(mia: User, field: str, value: Any) -> None:
    body = {"name": "bot", "scopes": ["read"], field: value}
    answer = bearer(sign_in()["access_token"]).post(KEYS, body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not ApiKey.objects.exists()


def test_one_has_fifty_keys_at_most(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.services.keys.MOST_KEYS", 2)
    old, _ = make_key(mia)
    make_key(mia)
    client = bearer(sign_in()["access_token"])
    answer = client.post(KEYS, {"name": "bot", "scopes": ["read"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_api_keys")
    services.revoke_api_key(key=old)
    assert client.post(KEYS, {"name": "bot", "scopes": ["read"]}).status_code == 201


def test_a_key_does_what_its_scopes_say(mia: User) -> None:
    note = {"type": "info", "priority": "low", "title": "t", "message": "m"}
    _, reader = make_key(mia, "read")
    _, writer = make_key(mia, "notifications:write")
    path = "/api/v1/notifications"
    assert machine(reader).get(path).status_code == 200
    answer = machine(reader).post(path, note)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert machine(writer).post(path, note).status_code == 201
    assert machine(writer).get(path).status_code == 403
    assert machine(writer).post("/api/v1/formulas", {}).status_code == 403
    assert machine(reader).post("/api/v1/formulas/validate", {"formula_code": "buy()"}).status_code == 200
    assert machine(writer).post("/api/v1/datafeed/quotes", {"symbols": ["X"]}).status_code == 403


def test_a_scope_is_no_role(mia: User) -> None:
    _, text = make_key(mia, *SCOPES)
    answer = machine(text).post("/api/v1/instruments", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_the_documents_list_the_scopes() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "accounts.md").read_text(encoding="utf-8")
    for scope, meaning in SCOPES.items():
        assert f"| `{scope}` | {meaning} |" in page


OPEN_TO_KEYS = {("auth/me", "GET")}


def test_no_key_opens_a_door_of_accounts(mia: User) -> None:
    _, text = make_key(mia, *SCOPES)
    tried = 0
    for path, view, method in views(account_paths):
        if ApiKeyAuthentication not in view.authentication_classes or (path, method) in OPEN_TO_KEYS:
            continue
        assert required_scope(view, method) is None, (path, method)
        tried += 1
    assert tried > 10
    for path, method in {
        "api-keys": "get",
        "api-keys/": "post",
        "mfa/totp": "post",
        "sessions": "get",
        "ws-ticket": "post",
        "logout": "post",
        "password/change": "post",
        "reauthenticate": "post",
        "me": "patch",
    }.items():
        answer = getattr(machine(text), method)(f"{AUTH}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path


def test_what_is_no_key_of_ours_is_refused(mia: User) -> None:
    key, text = make_key(mia)
    _, other = make_key(mia)
    secret = text.rpartition(f"sbx_{key.prefix}_")[2]
    junk = ["", "x", "sbx_", "sbx__", f"sbx_{key.prefix}", f"sbx_{key.prefix}_", f"sbx_{key.prefix}_{'A' * 43}"]
    junk += [f"xyz_{key.prefix}_{secret}", f"sbx_{'0' * 12}_{secret}", text + "A", text[:-1], text.upper()]
    junk += [other.replace(other.split("_", 2)[1], key.prefix), "sbx_\u0661_x", text + " " + text, "s" * 10_000]
    assert [found for found in junk if found and found.isascii() and not refused(found)] == []
    assert all(authenticate_socket("api-key", found) is None for found in [*junk, "\ud800", "sbx_\x00_x"])
    assert authenticate_socket("bearer", text) is None
    assert bearer(text).get(f"{AUTH}/me").status_code == 401
    assert APIClient().get(f"{AUTH}/me?api_key={text}").status_code == 401
    assert not refused(text)


@pytest.mark.parametrize(
    "change", ["revoked", "expired", "shut out", "shut out by hand", "role", "superuser", "password", "set password"]
)
def test_a_key_dies_with_what_it_was_made_for(mia: User, change: str) -> None:
    key, text = make_key(mia, expires_at=clock.now() + timedelta(days=1))
    assert not refused(text)
    match change:
        case "revoked":
            services.revoke_api_key(key=key)
        case "expired":
            ApiKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        case "shut out":
            services.deactivate(user=mia)
            services.reactivate(user=mia)
        case "shut out by hand":
            User.objects.update(is_active=False)
        case "role":
            services.change_role(user=mia, role=Role.ADMIN)
        case "superuser":
            mia.is_superuser = True
            services.change_user(user=mia, changed=["is_superuser"])
        case "password":
            session = Session.objects.get(pk=bearer_session(mia))
            services.change_password(
                session=session, current_password="correct horse battery", new_password="a better horse 9"
            )
        case "set password":
            services.set_password(user=mia, password="a better horse 9")
    assert refused(text)


def bearer_session(user: User) -> Any:
    sign_in(user.username)
    return user.sessions.get().pk


def test_deleting_its_owner_ends_a_key(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Any] = []
    monkeypatch.setattr("accounts.services.keys.publish", events.append)
    key, text = make_key(mia)
    pk, owner = key.pk, mia.pk
    services.delete_user(user=mia)
    assert refused(text)
    assert events == [ApiKeyRevoked(api_key_id=pk, user_id=owner)]


def test_a_key_acts_with_the_role_its_owner_has_now(mia: User) -> None:
    _, text = make_key(mia)
    User.objects.update(role=Role.OPERATOR)
    assert machine(text).get(f"{AUTH}/me").json()["role"] == "operator"


def test_use_is_noted_to_the_minute_and_costs_one_query_between(mia: User, django_assert_num_queries: Any) -> None:
    key, text = make_key(mia)
    machine(text).get(f"{AUTH}/me")
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        machine(text).get(f"{AUTH}/me")
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    machine(text).get(f"{AUTH}/me")
    key.refresh_from_db()
    assert key.last_used_at >= first


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_anothers_key_does_not_exist(make_person: MakePerson, method: str) -> None:
    key, text = make_key(make_person("mia"))
    make_person("tom", role=Role.ADMIN)
    before = ApiKey.objects.values().get()
    client = bearer(sign_in("tom")["access_token"])
    assert getattr(client, method)(f"{KEYS}/{key.pk}").status_code == (404 if method == "delete" else 405)
    assert client.get(KEYS).json()["total"] == 0
    assert ApiKey.objects.values().get() == before
    assert not refused(text)


def test_a_key_is_revoked_and_its_sockets_close(
    mia: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    closed: list[Any] = []
    monkeypatch.setattr("accounts.handlers.close_sockets", lambda *args: closed.append(args))
    key, text = make_key(mia)
    client = bearer(sign_in()["access_token"])
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"{KEYS}/{key.pk}").status_code == 204
        assert client.delete(f"{KEYS}/{key.pk}").status_code == 404
    assert refused(text)
    assert closed == [(f"api-key:{key.pk}", 4401)]
    assert client.get(KEYS).json()["total"] == 0


def test_a_socket_of_a_key_has_its_end_and_its_scopes(mia: User) -> None:
    end = clock.now() + timedelta(hours=1)
    key, text = make_key(mia, "read", "trade", expires_at=end)
    identity = authenticate_socket("api-key", text)
    assert identity
    assert identity.user == mia
    assert identity.topics == (f"user:{mia.pk}", f"api-key:{key.pk}")
    assert identity.expires_at == end.timestamp()
    assert identity.scopes == {"read", "trade"}
    assert authenticate_socket("api-key", make_key(mia)[1]).expires_at is None  # type: ignore[union-attr]
    assert authenticate_socket("api-key", make_key(mia, "trade")[1]) is None
    assert authenticate_socket("bearer", sign_in()["access_token"]).scopes is None  # type: ignore[union-attr]


@pytest.mark.parametrize("change", ["none", "revoked", "shut out", "role", "company", "password", "deleted"])
@pytest.mark.parametrize("kind", ["bearer", "api-key"])
def test_what_changed_in_the_database_itself_is_noticed(mia: User, kind: str, change: str) -> None:
    text = make_key(mia)[1] if kind == "api-key" else sign_in()["access_token"]
    identity = authenticate_socket(kind, text)
    assert identity
    match change:
        case "revoked":
            ApiKey.objects.update(revoked_at=clock.now())
            Session.objects.update(revoked_at=clock.now())
        case "shut out":
            User.objects.update(is_active=False)
        case "role":
            User.objects.update(role=Role.ADMIN)
        case "company":
            User.objects.update(company=services.ensure_company(slug="acme", name="Acme"))
        case "password":
            User.objects.update(password="another")
        case "deleted":
            User.objects.all().delete()
    assert still_good([identity]) == [change == "none"]


def test_an_administrator_sees_keys_without_secrets_and_revokes_them(make_person: MakePerson) -> None:
    key, text = make_key(make_person("mia"))
    client = Client()
    client.force_login(make_person("root", role=Role.ADMIN))
    for page in ("/admin/accounts/apikey/", f"/admin/accounts/apikey/{key.pk}/change/"):
        shown = client.get(page)
        assert shown.status_code == 200
        assert key.secret_hash not in shown.content.decode()
    body = {"action": "revoke", "_selected_action": [str(key.pk)]}
    assert client.post("/admin/accounts/apikey/", body).status_code == 302
    assert refused(text)
    assert AuditEntry.objects.filter(action="api_key.revoked").exists()
