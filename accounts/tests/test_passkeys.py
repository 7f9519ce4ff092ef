"""Passkeys: enrolled, used to sign in, and every answer that is not one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils.http import int_to_base36
from fido2.utils import websafe_encode
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Session, User
from accounts.tests.authenticator import PRESENT, Passkey
from accounts.tests.conftest import AUTH, MakePerson, bearer, me_status, sign_in
from kernel import clock
from kernel.models import AuditEntry


def enrol(client: APIClient, passkey: Passkey | None = None, **body: Any) -> tuple[Passkey, Any]:
    passkey = passkey or Passkey()
    begun = client.post(f"{AUTH}/mfa/webauthn").json()
    sent = {"challenge": begun["challenge"], "credential": passkey.create(begun["options"]), **body}
    return passkey, client.post(f"{AUTH}/mfa/webauthn/confirm", sent)


def challenge() -> Any:
    answer = APIClient().post(f"{AUTH}/login/passkey")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    return answer.json()


def complete(**body: Any) -> Any:
    return APIClient().post(f"{AUTH}/login/passkey/complete", body)


def passkey_login(passkey: Passkey) -> Any:
    begun = challenge()
    return complete(challenge=begun["challenge"], credential=passkey.get(begun["options"]))


@pytest.fixture
def client(mia: User) -> APIClient:
    return bearer(sign_in()["access_token"])


def test_a_passkey_signs_in_alone_and_then_the_password_does_not(client: APIClient, mia: User) -> None:
    passkey, answer = enrol(client, name="My phone")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["passkey"]["type"], body["passkey"]["name"]) == ("webauthn", "My phone")
    assert len(body["recovery_codes"]) == 10
    signed_in = passkey_login(passkey)
    assert signed_in.status_code == 200, signed_in.content
    assert bearer(signed_in.json()["access_token"]).get(f"{AUTH}/me").json()["id"] == mia.pk
    by_password = APIClient().post(f"{AUTH}/login", {"username": "mia", "password": "correct horse battery"})
    assert by_password.json()["code"] == "mfa_required"
    assert client.get(f"{AUTH}/mfa").json()[0]["last_used_at"]


def test_the_options_name_this_site_and_not_the_requests_host(client: APIClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    options = client.post(f"{AUTH}/mfa/webauthn", HTTP_HOST="evil.example").json()["options"]["publicKey"]
    assert options["rp"] == {"id": "localhost", "name": "Signalbox"}
    assert options["user"]["name"] == "mia@example.com"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert challenge()["options"]["publicKey"]["rpId"] == "localhost"


def test_a_challenge_is_answered_once_by_whom_it_was_made_for(client: APIClient, make_person: MakePerson) -> None:
    passkey = Passkey()
    begun = client.post(f"{AUTH}/mfa/webauthn").json()
    sent = {"challenge": begun["challenge"], "credential": passkey.create(begun["options"])}
    make_person("tom")
    tom = bearer(sign_in("tom")["access_token"])
    assert tom.post(f"{AUTH}/mfa/webauthn/confirm", sent).status_code == 400
    begun = client.post(f"{AUTH}/mfa/webauthn").json()
    sent = {"challenge": begun["challenge"], "credential": passkey.create(begun["options"])}
    assert client.post(f"{AUTH}/mfa/webauthn/confirm", sent).status_code == 201
    assert client.post(f"{AUTH}/mfa/webauthn/confirm", sent).status_code == 400
    begun = challenge()
    answer = {"challenge": begun["challenge"], "credential": passkey.get(begun["options"])}
    assert complete(**answer).status_code == 200
    assert (complete(**answer).status_code, complete(**answer).json()["code"]) == (401, "passkey_refused")


FAULTS: dict[str, dict[str, Any]] = {
    "another site": {"host": "evil.example"},
    "another page": {"origin": "https://evil.example"},
    "nobody there": {"flags": 0},
    "not known to be its owner": {"flags": PRESENT},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "another credential": {"credential_id": b"x" * 32},
    "no user": {"user_handle": ""},
    "a huge user": {"user_handle": "enp6enp6enp6enp6enp6enp6enp6enp6"},
    "a user that is none": {"user_handle": "__8"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_answer_signs_nobody_in(client: APIClient, make_person: MakePerson, fault: str) -> None:
    passkey, _ = enrol(client)
    for name, value in FAULTS[fault].items():
        setattr(passkey, name, value)
    answer = passkey_login(passkey)
    assert (answer.status_code, answer.json()["code"]) == (401, "passkey_refused")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_passkey_is_nobody_elses(client: APIClient, make_person: MakePerson) -> None:
    passkey, _ = enrol(client)
    tom = make_person("tom")
    passkey.user_handle = websafe_encode(int_to_base36(tom.pk).encode())
    assert passkey_login(passkey).json()["code"] == "passkey_refused"


JUNK: list[Any] = [
    {},
    {"id": "x"},
    {"response": 7},
    {"response": {}},
    {"response": {"userHandle": None}},
    {"response": {"userHandle": "MQ", "clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"}},
    {"id": "AA", "rawId": "AA", "type": "public-key", "response": {"userHandle": "MQ", "clientDataJSON": "!!"}},
    {"id": "AA", "rawId": "AA", "type": 7, "response": {"attestationObject": "oA", "clientDataJSON": "bnVsbA"}},
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_no_answer(client: APIClient, junk: Any) -> None:
    begun = challenge()
    assert complete(challenge=begun["challenge"], credential=junk).status_code in {400, 401}
    assert complete(challenge="unknown", credential=junk).status_code in {400, 401}
    begun = client.post(f"{AUTH}/mfa/webauthn").json()
    sent = {"challenge": begun["challenge"], "credential": junk}
    assert client.post(f"{AUTH}/mfa/webauthn/confirm", sent).status_code == 400
    assert not Authenticator.objects.exists()


def test_a_half_answer_of_a_real_passkey_is_refused(client: APIClient) -> None:
    passkey, _ = enrol(client)
    for missing in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        begun = challenge()
        answer = passkey.get(begun["options"])
        del answer["response"][missing]
        assert complete(challenge=begun["challenge"], credential=answer).status_code == 401
        answer["response"][missing] = "AAAA"
        begun = challenge()
        assert complete(challenge=begun["challenge"], credential=answer).status_code == 401


def test_a_passkey_that_does_not_know_its_owner_is_not_taken(client: APIClient) -> None:
    _, answer = enrol(client, Passkey(flags=PRESENT))
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["credential"])


def test_whoever_is_shut_out_stays_out(client: APIClient, mia: User) -> None:
    passkey, _ = enrol(client)
    services.deactivate(user=mia)
    assert passkey_login(passkey).json()["code"] == "passkey_refused"


def test_a_removed_passkey_opens_nothing(client: APIClient) -> None:
    passkey, answer = enrol(client)
    assert client.delete(f"{AUTH}/mfa/{answer.json()['passkey']['id']}").status_code == 204
    assert passkey_login(passkey).status_code == 401
    assert not Authenticator.objects.exists()


def copies() -> int:
    return AuditEntry.objects.filter(action="mfa.copy_suspected").count()


def test_a_passkey_whose_count_does_not_rise_has_a_copy_and_is_refused(client: APIClient, mia: User) -> None:
    passkey, _ = enrol(client)
    assert passkey_login(passkey).status_code == passkey_login(passkey).status_code == 200
    copy = replace(passkey, uses=0)
    for uses in (1, 2):
        answer = passkey_login(copy)
        assert (answer.status_code, answer.json()["code"], copy.uses) == (401, "passkey_refused", uses)
    found = AuditEntry.objects.filter(action="mfa.copy_suspected").first()
    assert found
    assert (found.actor_name, found.target, copies()) == (
        "mia",
        f"mfa:{Authenticator.objects.get(type='webauthn').pk}",
        2,
    )
    begun = challenge()
    sent = {"challenge": begun["challenge"], "credential": replace(passkey, uses=0).get(begun["options"])}
    assert bearer(passkey_login(passkey).json()["access_token"]).post(f"{AUTH}/reauthenticate", sent).status_code == 400
    assert copies() == 3


def test_one_that_began_to_count_does_not_stop_again(client: APIClient) -> None:
    passkey, _ = enrol(client, Passkey(uses=5))
    passkey.counts = False
    assert passkey_login(passkey).status_code == 401, "5 was seen when it was enrolled"
    passkey.uses = 6
    assert passkey_login(passkey).status_code == 200
    passkey.uses = 0
    assert passkey_login(passkey).status_code == 401
    assert copies() == 2


def test_a_passkey_that_does_not_count_signs_in_again_and_again(client: APIClient) -> None:
    passkey, _ = enrol(client, Passkey(counts=False))
    assert [passkey_login(passkey).status_code for _ in range(3)] == [200] * 3
    assert copies() == 0


def test_what_is_not_signed_by_the_passkey_raises_no_suspicion_and_no_count(client: APIClient) -> None:
    passkey, _ = enrol(client)
    forger = replace(passkey, key=ec.generate_private_key(ec.SECP256R1()), uses=10**6)
    assert passkey_login(forger).status_code == 401
    assert passkey_login(passkey).status_code == 200
    assert copies() == 0


def test_a_second_passkey_brings_no_new_recovery_codes_and_ends_nothing(client: APIClient) -> None:
    first, _ = enrol(client)
    token = passkey_login(first).json()["access_token"]
    second, answer = enrol(client)
    assert answer.json()["recovery_codes"] == []
    assert me_status(token) == 200
    assert passkey_login(first).status_code == passkey_login(second).status_code == 200


def test_a_passkey_proves_oneself_again_but_not_another(client: APIClient, make_person: MakePerson) -> None:
    passkey, _ = enrol(client)
    make_person("tom")
    tom = bearer(sign_in("tom")["access_token"])
    Session.objects.update(authenticated_at=clock.now() - timedelta(hours=1))
    for person, status in ((tom, 400), (client, 200)):
        begun = challenge()
        sent = {"challenge": begun["challenge"], "credential": passkey.get(begun["options"])}
        assert person.post(f"{AUTH}/reauthenticate", sent).status_code == status
    assert client.post(f"{AUTH}/mfa/webauthn").status_code == 200
    assert tom.post(f"{AUTH}/mfa/webauthn").status_code == 403
