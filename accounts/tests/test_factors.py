"""Authenticator apps and recovery codes: enrolled, asked for, used once, and demanded of staff."""

import base64
import io
import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import serializers
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.factors import codes
from accounts.factors.adapter import Adapter, secrets_of
from accounts.models import Role, Session, User
from accounts.sockets import authenticate_socket
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, bearer, me_status, sign_in
from kernel import clock
from kernel.crypto import NotReadable
from kernel.models import AuditEntry
from kernel.tests.caches import clear_cache


def code_now(secret: str, steps: int = 0) -> str:
    """The code an app shows, `steps` times 30 s from now."""
    step = int(clock.now().timestamp()) // 30 + steps
    return str(format_hotp_value(hotp_value(secret, step)))


def enrol(client: APIClient) -> tuple[str, list[str]]:
    """The secret and the recovery codes of a new app; its code of now is used up."""
    secret = client.post(f"{AUTH}/mfa/totp").json()["secret"]
    answer = client.post(f"{AUTH}/mfa/totp/confirm", {"code": code_now(secret)})
    assert answer.status_code == 200, answer.content
    return secret, answer.json()["recovery_codes"]


def login(**body: Any) -> Any:
    return APIClient().post(f"{AUTH}/login", {"username": "mia", "password": PASSWORD, **body})


@pytest.fixture
def client(mia: User) -> APIClient:
    return bearer(sign_in()["access_token"])


def test_an_app_counts_once_it_has_shown_a_code(client: APIClient) -> None:
    begun = client.post(f"{AUTH}/mfa/totp")
    assert begun["Cache-Control"] == "no-store"
    body = begun.json()
    assert body["otpauth_url"].startswith("otpauth://totp/mia%40example.com?")
    assert f"secret={body['secret']}" in body["otpauth_url"]
    assert "issuer=Signalbox" in body["otpauth_url"]
    assert body["qr_svg"].lstrip().startswith("<")
    assert client.get(f"{AUTH}/mfa").json() == []
    wrong = client.post(f"{AUTH}/mfa/totp/confirm", {"code": code_now(body["secret"], 5)})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["code"])
    assert login().status_code == 200, "not asked for before it is confirmed"
    done = client.post(f"{AUTH}/mfa/totp/confirm", {"code": code_now(body["secret"])})
    assert len(set(done.json()["recovery_codes"])) == 10
    assert done["Cache-Control"] == "no-store"
    listed = client.get(f"{AUTH}/mfa").json()
    assert [(row["type"], row["codes_left"]) for row in listed] == [("totp", None), ("recovery_codes", 10)]
    assert set(listed[0]) == {"id", "type", "name", "codes_left", "created_at", "last_used_at"}
    assert AuditEntry.objects.filter(action="mfa.enrolled").count() == 1


def test_one_app_is_all_there_is_and_each_confirmation_needs_a_beginning(client: APIClient) -> None:
    assert client.post(f"{AUTH}/mfa/totp/confirm", {"code": "123456"}).json()["code"] == "mfa_not_begun"
    enrol(client)
    assert client.post(f"{AUTH}/mfa/totp/confirm", {"code": "123456"}).json()["code"] == "mfa_not_begun"
    assert client.post(f"{AUTH}/mfa/totp").json()["code"] == "mfa_exists"


def test_what_one_sign_in_has_begun_no_other_finishes(client: APIClient) -> None:
    secret = client.post(f"{AUTH}/mfa/totp").json()["secret"]
    other = bearer(sign_in()["access_token"])
    assert other.post(f"{AUTH}/mfa/totp/confirm", {"code": code_now(secret)}).status_code == 409


def test_the_first_factor_ends_sign_ins_made_without_one(client: APIClient) -> None:
    elsewhere = sign_in()["access_token"]
    enrol(client)
    assert me_status(elsewhere) == 401
    assert client.get(f"{AUTH}/me").status_code == 200


def test_a_sign_in_needs_a_code_that_has_not_been_used(client: APIClient) -> None:
    secret, _ = enrol(client)
    answer = login()
    assert (answer.status_code, answer.json()["code"]) == (401, "mfa_required")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert login(password="wrong").json()["code"] == "invalid_credentials"
    assert login(password="wrong", code=code_now(secret, 1)).json()["code"] == "invalid_credentials"
    used = login(code=code_now(secret))
    assert (used.status_code, used.json()["code"]) == (401, "mfa_code_invalid")
    next_code = code_now(secret, 1)
    assert login(code=f"{next_code[:3]} {next_code[3:]}").status_code == 200
    clear_cache()
    assert login(code=next_code).status_code == 401, "not even when the cache has forgotten"
    assert login(code=code_now(secret, -1)).status_code == 401, "nor an earlier one"


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
def test_a_phones_clock_may_differ_by_half_a_minute(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, steps: int, status: int
) -> None:
    secret, _ = enrol(client)
    later = clock.now() + timedelta(minutes=5)
    monkeypatch.setattr("kernel.clock.now", lambda: later)
    assert login(code=code_now(secret, steps)).status_code == status


@pytest.mark.django_db(transaction=True)
def test_of_two_who_bring_the_same_code_at_once_one_gets_in(make_person: MakePerson) -> None:
    mia = make_person()
    secret, _ = enrol(bearer(sign_in()["access_token"]))
    code, barrier, outcomes = code_now(secret, 1), threading.Barrier(4), []

    def use() -> None:
        barrier.wait()
        outcomes.append(codes.use_code(mia, code))
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, False, False, True]


def test_a_recovery_code_is_good_once(client: APIClient) -> None:
    _, recovery = enrol(client)
    assert login(code=recovery[3]).status_code == 200
    assert login(code=recovery[3]).status_code == 401
    assert login(code=recovery[4]).status_code == 200
    assert client.get(f"{AUTH}/mfa").json()[1]["codes_left"] == 8
    new = client.post(f"{AUTH}/mfa/recovery-codes").json()["recovery_codes"]
    assert len(new) == 10
    assert not set(new) & set(recovery)
    assert login(code=recovery[5]).status_code == 401
    assert login(code=new[0]).status_code == 200


def test_without_a_factor_there_are_no_recovery_codes(client: APIClient) -> None:
    assert client.post(f"{AUTH}/mfa/recovery-codes").json()["code"] == "mfa_not_enrolled"


def test_guessed_codes_lock_out_and_asking_without_one_forgives_nothing(client: APIClient) -> None:
    secret, recovery = enrol(client)
    for _ in range(9):
        assert login(code="000000").json()["code"] == "mfa_code_invalid"
        assert login().json()["code"] == "mfa_required"
    assert login(code="00000000").status_code == 401
    for body in ({"code": recovery[0]}, {"code": code_now(secret, 1)}, {}):
        assert login(**body).status_code == 429
    assert client.post(f"{AUTH}/reauthenticate", {"code": recovery[0]}).status_code == 429


def test_a_code_proves_oneself_again(client: APIClient) -> None:
    secret, _ = enrol(client)
    Session.objects.update(authenticated_at=clock.now() - timedelta(hours=1))
    assert client.post(f"{AUTH}/mfa/recovery-codes").status_code == 403
    assert client.post(f"{AUTH}/reauthenticate", {"code": code_now(secret, 1)}).status_code == 200
    assert client.post(f"{AUTH}/mfa/recovery-codes").status_code == 200


def test_with_the_last_factor_go_the_recovery_codes(client: APIClient) -> None:
    _, recovery = enrol(client)
    pk = client.get(f"{AUTH}/mfa").json()[0]["id"]
    assert client.delete(f"{AUTH}/mfa/{pk}").status_code == 204
    assert not Authenticator.objects.exists()
    assert login(code=recovery[0]).status_code == 200, "a code that nobody asks for is not looked at"
    assert AuditEntry.objects.filter(action="mfa.removed").count() == 1


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_anothers_factor_does_not_exist(client: APIClient, make_person: MakePerson, method: str) -> None:
    enrol(client)
    before = list(Authenticator.objects.values())
    make_person("tom", role=Role.ADMIN)
    tom = bearer(sign_in("tom")["access_token"])
    path = f"{AUTH}/mfa/{before[0]['id']}"
    assert getattr(tom, method)(path).status_code == (404 if method == "delete" else 405)
    assert tom.get(f"{AUTH}/mfa").json() == []
    assert list(Authenticator.objects.values()) == before


def test_what_is_kept_tells_no_secret_and_fits_no_other_row(client: APIClient, make_person: MakePerson) -> None:
    secret, recovery = enrol(client)
    kept = serializers.serialize("json", [*Authenticator.objects.all(), *AuditEntry.objects.all()])
    assert not [word for word in [secret, *recovery] if word in kept]
    tom = make_person("tom")
    hers = Authenticator.objects.get(type="totp")
    his = Authenticator.objects.create(user=tom, type="totp", data=hers.data)
    with pytest.raises(NotReadable):
        codes.use_code(tom, code_now(secret, 1))
    assert his.data == hers.data
    with pytest.raises(LookupError):
        Adapter().encrypt("secret")
    with secrets_of(tom.pk), pytest.raises(NotReadable):
        Adapter().decrypt(hers.data["secret"])


def test_what_waits_for_its_confirmation_is_sealed_too(client: APIClient) -> None:
    secret = client.post(f"{AUTH}/mfa/totp").json()["secret"]
    waiting = cache.get(f"mfa.enrolment:{Session.objects.get().pk}")
    assert waiting
    assert secret.encode() not in waiting


def panel_login(client: Client, name: str = "sam", code: str = "", password: str = PASSWORD) -> bool:
    body = {"username": name, "password": password, "code": code}
    return client.post("/admin/login/?next=/admin/", body).status_code == 302


def test_the_control_panel_asks_for_the_code_too(make_person: MakePerson) -> None:
    make_person("sam", role=Role.ADMIN)
    secret, recovery = enrol(bearer(sign_in("sam")["access_token"]))
    client = Client()
    assert b'name="code"' in client.get("/admin/login/").content
    assert not panel_login(client)
    assert not panel_login(client, code="000000")
    assert not panel_login(client, code=code_now(secret, 1), password="wrong")
    assert panel_login(client, code=code_now(secret, 1))
    assert client.get("/admin/").status_code == 200
    for _ in range(10):
        panel_login(Client(), code="000000")
    assert not panel_login(Client(), code=recovery[0]), "guessing locks out here as well"


STAFF = [Role.OPERATOR, Role.REVIEWER, Role.ADMIN]


@pytest.mark.parametrize("role", STAFF)
def test_staff_who_must_have_a_factor_may_only_enrol_one(make_person: MakePerson, settings: Any, role: Role) -> None:
    sam = make_person("sam", role=role)
    token = sign_in("sam")["access_token"]
    _, key = services.create_api_key(user=sam, name="bot", scopes=["read"])
    before = Client()
    assert panel_login(before)
    settings.MFA_REQUIRED_FOR_STAFF = True
    client = bearer(token)
    for path in ("notifications", "auth/sessions", "auth/api-keys", "jobs"):
        answer = client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "mfa_enrolment_required"), path
    machine = APIClient()
    machine.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert machine.get("/api/v1/notifications").json()["code"] == "mfa_enrolment_required"
    assert authenticate_socket("bearer", token) is None
    assert authenticate_socket("api-key", key) is None
    assert before.get("/admin/").status_code == 302, "an old cookie does not help"
    assert not panel_login(Client())
    assert client.get(f"{AUTH}/me").status_code == 200
    assert client.get(f"{AUTH}/status").json()["authenticated"] is True
    secret, _ = enrol(client)
    assert client.get("/api/v1/notifications").status_code == 200
    assert authenticate_socket("bearer", token)
    assert panel_login(Client(), code=code_now(secret, 1))


def test_others_need_no_factor(client: APIClient, settings: Any, django_assert_num_queries: Any) -> None:
    settings.MFA_REQUIRED_FOR_STAFF = True
    with django_assert_num_queries(1):
        assert client.get(f"{AUTH}/me").status_code == 200


def test_an_administrator_takes_a_lost_factor_away_and_sees_no_secret(make_person: MakePerson) -> None:
    make_person("mia")
    enrol(bearer(sign_in()["access_token"]))
    factor = Authenticator.objects.get(type="totp")
    client = Client()
    client.force_login(make_person("root", role=Role.ADMIN))
    shown = client.get(f"/admin/mfa/authenticator/{factor.pk}/change/")
    assert shown.status_code == 200
    assert factor.data["secret"] not in shown.content.decode()
    body = {"action": "remove", "_selected_action": [str(factor.pk)]}
    assert client.post("/admin/mfa/authenticator/", body).status_code == 302
    assert login().status_code == 200
    entry = AuditEntry.objects.get(action="mfa.removed")
    assert entry.actor_name == "root"


def test_allauths_own_pages_are_not_there() -> None:
    client = Client()
    for path in ("/accounts/login/", "/accounts/2fa/", "/admin/account/emailaddress/"):
        assert client.get(path).status_code in {302, 404}
        assert b"form" not in client.get(path).content


def test_a_change_of_keys_reaches_second_factors(client: APIClient, settings: Any) -> None:
    secret, recovery = enrol(client)
    old = settings.FIELD_KEYS
    new = f"new:{base64.b64encode(bytes(range(32))).decode()}"
    settings.FIELD_KEYS = f"{new},{old}"
    call_command("rotate_keys", stdout=io.StringIO())
    settings.FIELD_KEYS = new
    assert login(code=code_now(secret, 1)).status_code == 200
    assert login(code=recovery[0]).status_code == 200
    settings.FIELD_KEYS = old
    with pytest.raises(NotReadable):
        codes.use_code(User.objects.get(), recovery[1])
