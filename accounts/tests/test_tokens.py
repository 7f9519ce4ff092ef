"""What is taken for a token, by REST and by sockets alike, and what is not."""

import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Role, Session, User
from accounts.sockets import authenticate_socket
from accounts.tests.conftest import AUTH, MakePerson, bearer, me_status, refresh, sign_in
from kernel import clock

KEY = settings.SIMPLE_JWT["SIGNING_KEY"]


def forge(token: str, *, key: str = KEY, alg: str = "HS256", headers: Any = None, **changes: Any) -> str:
    """`token` signed anew with other claims; a claim given as None is left out."""
    claims = jwt.decode(token, options={"verify_signature": False})
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers=headers)


FORGERIES: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": "none", "key": ""},
    "another key": {"key": "k" * 64},
    "a well-known key": {"key": "your-secret-key-here"},
    "another well-known key": {"key": "secret"},
    "a third well-known key": {"key": "changeme"},
    "Django's own key": {"key": settings.SECRET_KEY},
    "HS512": {"alg": "HS512"},
    "another issuer": {"iss": "elsewhere"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "elsewhere"},
    "no audience": {"aud": None},
    "an unknown critical header": {"headers": {"crit": ["exp", "b64x"], "b64x": True}},
    "expired": {"exp": int(clock.now().timestamp()) - 60},
    "no expiry": {"exp": None},
    "not yet valid": {"nbf": int(clock.now().timestamp()) + 86_400},
    "no id": {"jti": None},
    "no session": {"sid": None},
    "a session that is none": {"sid": "1 or 1=1"},
    "an unknown session": {"sid": str(uuid.uuid4())},
    "no user": {"user_id": None},
    "a user that is none": {"user_id": "mia"},
    "another user": {"user_id": "999"},
    "no password mark": {"hash_password": None},
    "a refresh token's type": {"token_type": "refresh"},
    "no type": {"token_type": None},
}


@pytest.mark.filterwarnings("ignore:The HMAC key")  # a forger's key is as short as it is
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_refused_by_rest_and_sockets(mia: User, name: str) -> None:
    good = sign_in()["access_token"]
    forged = forge(good, **FORGERIES[name])
    answer = bearer(forged).get(f"{AUTH}/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert authenticate_socket("bearer", forged) is None
    assert me_status(forge(good)) == 200, "the same token signed rightly is good"


@pytest.mark.parametrize("junk", ["", "x", "a.b.c", "ü.é.ñ", "e30.e30.e30", "." * 5000, "\ud800"])
def test_junk_is_no_token(db: None, junk: str) -> None:
    assert authenticate_socket("bearer", junk) is None
    assert authenticate_socket("ticket", junk) is None
    if junk and junk.isascii():
        assert me_status(junk) == 401


def test_one_kind_of_token_does_not_serve_as_the_other(mia: User) -> None:
    pair = sign_in()
    assert me_status(pair["refresh_token"]) == 401
    assert authenticate_socket("bearer", pair["refresh_token"]) is None
    assert refresh(pair["access_token"]).status_code == 401


def test_a_token_names_its_session_user_and_password(mia: User) -> None:
    claims = jwt.decode(sign_in()["access_token"], KEY, algorithms=["HS256"], audience="signalbox", issuer="signalbox")
    assert claims["sid"] == str(Session.objects.get().pk)
    assert claims["user_id"] == str(mia.pk)
    assert "role" not in claims
    assert claims["hash_password"]


@pytest.mark.parametrize("change", ["deactivated", "deleted", "new password", "password set", "expired session"])
def test_what_happens_to_the_owner_ends_the_tokens(mia: User, change: str) -> None:
    pair = sign_in()
    match change:
        case "deactivated":
            User.objects.filter(pk=mia.pk).update(is_active=False)
        case "deleted":
            services.delete_user(user=mia)
        case "new password":
            mia.set_password("another good one")
            mia.save()
        case "password set":
            services.set_password(user=mia, password="another good one")
        case "expired session":
            Session.objects.update(expires_at="2001-01-01T00:00:00Z")
    answer = bearer(pair["access_token"]).get(f"{AUTH}/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert refresh(pair["refresh_token"]).status_code == 401
    assert authenticate_socket("bearer", pair["access_token"]) is None


def test_the_role_is_the_databases_not_the_tokens(mia: User) -> None:
    client = bearer(sign_in()["access_token"])
    services.change_role(user=mia, role=Role.OPERATOR)
    assert client.get(f"{AUTH}/me").json()["role"] == "operator"


def test_a_request_costs_one_query_to_authenticate(mia: User, django_assert_num_queries: Any) -> None:
    client = bearer(sign_in()["access_token"])
    with django_assert_num_queries(1):
        assert client.get(f"{AUTH}/me").status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_in_the_url_is_not_looked_at(mia: User, name: str) -> None:
    token = sign_in()["access_token"]
    answer = APIClient().get(f"{AUTH}/me?{name}={token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Basic bWlhOm1pYQ==", "bearer", "Bearer\t"])
def test_other_headers_sign_nobody_in(mia: User, header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    assert client.get(f"{AUTH}/me").status_code == 401


def test_a_socket_learns_whose_it_is_and_until_when(mia: User) -> None:
    token = sign_in()["access_token"]
    identity = authenticate_socket("bearer", token)
    assert identity.user == mia
    assert identity.topics == (f"user:{mia.pk}", f"session:{Session.objects.get().pk}")
    assert identity.expires_at == jwt.decode(token, options={"verify_signature": False})["exp"]
    assert authenticate_socket("api-key", token) is None


def test_a_ticket_opens_one_socket_once(mia: User) -> None:
    token = sign_in()["access_token"]
    body = bearer(token).post(f"{AUTH}/ws-ticket").json()
    assert body["expires_in"] == 30
    assert authenticate_socket("bearer", body["ticket"]) is None
    assert authenticate_socket("ticket", body["ticket"]) == authenticate_socket("bearer", token)
    assert authenticate_socket("ticket", body["ticket"]) is None


def test_a_ticket_dies_with_its_session_and_with_time(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = bearer(sign_in()["access_token"])
    late, ended = (client.post(f"{AUTH}/ws-ticket").json()["ticket"] for _ in range(2))
    later = clock.now() + timedelta(seconds=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert authenticate_socket("ticket", late) is None
    monkeypatch.undo()
    client.post(f"{AUTH}/logout")
    assert authenticate_socket("ticket", ended) is None


def test_a_caller_without_a_session_gets_no_ticket(mia: User) -> None:
    client = APIClient()
    client.force_authenticate(mia)
    answer = client.post(f"{AUTH}/ws-ticket")
    assert (answer.status_code, answer.json()["code"]) == (403, "session_needed")


def test_the_token_settings_are_strict() -> None:
    jwt_settings = settings.SIMPLE_JWT
    assert jwt_settings["SIGNING_KEY"] != settings.SECRET_KEY
    assert jwt_settings["ALGORITHM"] == "HS256"
    assert jwt_settings["ISSUER"]
    assert jwt_settings["AUDIENCE"]
    assert 5 <= jwt_settings["ACCESS_TOKEN_LIFETIME"].total_seconds() / 60 <= 15
    assert jwt_settings["REFRESH_TOKEN_LIFETIME"].days <= 7
    assert jwt_settings["CHECK_REVOKE_TOKEN"] is True
    assert jwt_settings["LEEWAY"] <= 10


def test_a_second_person_is_not_the_first(make_person: MakePerson) -> None:
    make_person("mia")
    tom = make_person("tom")
    hers = sign_in("mia")["access_token"]
    swapped = forge(hers, user_id=str(tom.pk))
    assert me_status(swapped) == 401
