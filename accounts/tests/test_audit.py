"""What people do leaves its entry in the audit trail: who, what, to whom, from where, in which request."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Company, Role, Session, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, bearer, refresh, sign_in
from kernel import audit
from kernel.models import AuditEntry

pytestmark = pytest.mark.django_db
HEADERS = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_REQUEST_ID": "request-1"}


@pytest.fixture(autouse=True)
def _whole_chain() -> Any:
    yield
    assert audit.verify().broken_at is None


def entry(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_a_sign_in_says_who_from_where_and_in_which_request(mia: User) -> None:
    APIClient().post(f"{AUTH}/login", {"username": "mia", "password": PASSWORD}, **HEADERS)
    found = entry("session.signed_in")
    assert (found.actor_id, found.actor_name) == (mia.pk, "mia")
    assert found.target == f"session:{Session.objects.get().pk}"
    assert (found.address, found.request_id) == ("192.0.2.7", "request-1")


@pytest.mark.parametrize(("name", "is_known"), [("mia", True), ("my-passw0rd-slipped", False)])
def test_a_failed_sign_in_names_the_account_and_never_what_was_typed(mia: User, name: str, is_known: bool) -> None:
    APIClient().post(f"{AUTH}/login", {"username": name, "password": "canary-word"}, **HEADERS)
    found = entry("session.sign_in_failed")
    assert (found.actor_id, found.target) == (None, f"user:{mia.pk}" if is_known else "")
    assert found.address == "192.0.2.7"
    kept = str(list(AuditEntry.objects.values()))
    assert "canary-word" not in kept
    assert "slipped" not in kept


def test_signing_out_and_ending_a_session_from_elsewhere_are_told_apart(mia: User) -> None:
    here, there = sign_in(), sign_in()
    other = Session.objects.order_by("-created_at").first()
    assert other
    bearer(here["access_token"]).delete(f"{AUTH}/sessions/{other.pk}")
    assert (entry("session.revoked").target, entry("session.revoked").actor_name) == (f"session:{other.pk}", "mia")
    bearer(here["access_token"]).post(f"{AUTH}/logout")
    assert entry("session.signed_out").actor_name == "mia"
    assert there


def test_a_used_refresh_token_is_written_down(mia: User) -> None:
    first = sign_in()
    refresh(first["refresh_token"])
    refresh(first["refresh_token"])
    assert "refresh" in entry("session.revoked").detail["reason"]


def test_a_changed_password_is_written_down_without_it(mia: User) -> None:
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    assert bearer(sign_in()["access_token"]).post(f"{AUTH}/password/change", body).status_code == 200
    assert entry("password.changed").actor_name == "mia"
    kept = str(list(AuditEntry.objects.values()))
    assert PASSWORD not in kept
    assert "another good one" not in kept


def test_a_registration_is_written_down() -> None:
    APIClient().post(f"{AUTH}/register", {"email": "a@example.com", "username": "ann", "password": PASSWORD})
    assert entry("user.registered").target == f"user:{User.objects.get().pk}"


def test_what_an_administrator_changes_in_the_panel_bears_their_name(make_person: MakePerson, mia: User) -> None:
    root = make_person("root", role=Role.ADMIN)
    company = Company.objects.create(slug="one", name="One")
    client = Client(**HEADERS)
    client.force_login(root)
    body = {"username": "mia", "email": mia.email, "role": "operator", "company": company.pk}
    assert client.post(f"/admin/accounts/user/{mia.pk}/change/", body).status_code == 302
    expected = {
        "role.changed": {"from": "user", "to": "operator"},
        "company.changed": {"from": None, "to": "one"},
        "user.deactivated": {},
    }
    for action, detail in expected.items():
        found = entry(action)
        assert (found.actor_name, found.target, found.detail) == ("root", f"user:{mia.pk}", detail)
        assert (found.address, found.request_id) == ("192.0.2.7", "request-1")


def test_a_password_set_by_an_administrator_and_a_deletion_are_written_down(make_person: MakePerson, mia: User) -> None:
    client = Client()
    client.force_login(make_person("root", role=Role.ADMIN))
    new = {
        "usable_password": "true",
        "set-password": "1",
        "password1": "n3w-secret-word",
        "password2": "n3w-secret-word",
    }
    client.post(f"/admin/accounts/user/{mia.pk}/password/", new)
    assert (entry("password.reset").actor_name, entry("password.reset").target) == ("root", f"user:{mia.pk}")
    client.post(f"/admin/accounts/user/{mia.pk}/delete/", {"post": "yes"})
    assert entry("user.deleted").detail == {"username": "mia"}


def test_coming_and_going_through_the_panels_own_door_is_written_down(make_person: MakePerson) -> None:
    root = make_person("root", role=Role.ADMIN)
    client = Client()
    client.post("/admin/login/?next=/admin/", {"username": "root", "password": "wrong"})
    assert entry("session.sign_in_failed").target == f"user:{root.pk}"
    client.post("/admin/login/?next=/admin/", {"username": "root", "password": PASSWORD})
    client.post("/admin/logout/")
    assert entry("session.signed_in").detail == entry("session.signed_out").detail == {"door": "control panel"}
    assert entry("session.signed_out").actor_name == "root"


def test_a_change_that_fails_leaves_no_entry(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.services.people.follow_role", fail)
    with pytest.raises(RuntimeError):
        services.change_role(user=mia, role=Role.ADMIN)
    assert not AuditEntry.objects.filter(action="role.changed").exists()
    mia.refresh_from_db()
    assert mia.role == Role.USER


def test_whoever_is_refused_for_want_of_a_right_is_written_down(mia: User) -> None:
    client = bearer(sign_in()["access_token"])
    assert client.get("/api/v1/health/components", **HEADERS).status_code == 403
    found = entry("authorisation.refused")
    assert (found.actor_name, found.target) == ("mia", "/api/v1/health/components")
    assert found.detail == {"method": "GET", "reason": "permission_denied"}
    assert (found.address, found.request_id) == ("192.0.2.7", "request-1")


def test_a_refusal_of_the_control_panel_is_written_down_too(make_person: MakePerson) -> None:
    client = Client()
    client.force_login(make_person("rev", role=Role.REVIEWER))
    assert client.get("/admin/kernel/job/").status_code == 403
    assert (entry("authorisation.refused").actor_name, entry("authorisation.refused").target) == (
        "rev",
        "/admin/kernel/job/",
    )


@pytest.mark.parametrize("path", ["/api/v1/companies/none", "/api/v1/nothing", "/api/v1/auth/me"])
def test_what_does_not_exist_and_who_is_nobody_is_no_refusal(make_person: MakePerson, path: str) -> None:
    APIClient().get(path)
    root = APIClient()
    root.force_authenticate(make_person("root", role=Role.ADMIN))
    root.get(path)
    assert not AuditEntry.objects.filter(action="authorisation.refused").exists()
