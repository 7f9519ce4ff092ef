"""One's own account, roles, companies, passwords, and how often one may guess."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from accounts import registry, services, throttling
from accounts.events import SessionRevoked, UserChanged, UserRegistered
from accounts.handlers import close_user_sockets
from accounts.models import Company, Role, Session, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, bearer, me_status, refresh, sign_in
from kernel import clock

PROTECTED = {
    "id": 999,
    "email": "new@example.com",
    "role": "admin",
    "company": "company_a",
    "kyc_status": "approved",
    "is_active": False,
    "is_staff": "true",
    "is_superuser": 1,
    "created_at": "2001-01-01T00:00:00Z",
    "password": "another good one",
    "groups": [1],
}


def test_strangers_are_told_to_sign_in(db: None) -> None:
    for method, path in (
        ("get", "me"),
        ("patch", "me"),
        ("post", "logout"),
        ("post", "ws-ticket"),
        ("post", "password/change"),
        ("get", "sessions"),
        ("delete", "sessions/00000000-0000-0000-0000-000000000000"),
    ):
        answer = getattr(APIClient(), method)(f"{AUTH}/{path}")
        assert answer.status_code == 401, path
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_one_changes_ones_names(mia: User) -> None:
    client = bearer(sign_in()["access_token"])
    answer = client.patch(f"{AUTH}/me", {"first_name": "Mia", "last_name": "Muster", "username": "mia.m"})
    assert answer.status_code == 200
    mia.refresh_from_db()
    assert (mia.first_name, mia.last_name, mia.username) == ("Mia", "Muster", "mia.m")
    assert client.patch(f"{AUTH}/me", {"first_name": ""}).json()["first_name"] == ""
    assert client.patch(f"{AUTH}/me", {}).status_code == 200


def test_protected_fields_cannot_be_patched(mia: User) -> None:
    Company.objects.create(slug="company_a", name="Company A")
    client = bearer(sign_in()["access_token"])
    before = User.objects.values().get()
    assert client.patch(f"{AUTH}/me", PROTECTED).status_code == 200
    assert User.objects.values().get() == before


@pytest.mark.parametrize("name", ["TOM", "with@sign", "", "a b", None, 7.5, ["x"], "x" * 151])
def test_a_username_that_is_taken_or_malformed_is_refused(make_person: MakePerson, name: Any) -> None:
    make_person("tom")
    mia = make_person("mia")
    answer = bearer(sign_in()["access_token"]).patch(f"{AUTH}/me", {"username": name})
    if name != 7.5:  # a number reads as text, as everywhere
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["username"]
        mia.refresh_from_db()
        assert mia.username == "mia"


def test_the_status_tells_who_is_signed_in(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_sources", [])
    nobody = {"authenticated": False, "user": None, "brokers": []}
    assert APIClient().get(f"{AUTH}/status").json() == nobody
    assert bearer("stale").get(f"{AUTH}/status").json() == nobody
    moment = clock.from_epoch(0)
    registry.use_broker_statuses(
        lambda user: [{"id": user.pk, "broker_name": "paper", "status": "connected", "expires_at": moment}]
    )
    body = bearer(sign_in()["access_token"]).get(f"{AUTH}/status").json()
    assert body["authenticated"] is True
    assert body["user"]["username"] == "mia"
    assert body["brokers"] == [
        {"id": mia.pk, "broker_name": "paper", "status": "connected", "expires_at": "1970-01-01T00:00:00Z"}
    ]


def test_a_new_password_ends_the_other_sessions_and_goes_on_here(mia: User) -> None:
    here, there = sign_in(), sign_in()
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    answer = bearer(here["access_token"]).post(f"{AUTH}/password/change", body)
    assert answer.status_code == 200
    assert me_status(answer.json()["access_token"]) == 200
    for old in (here, there):
        assert me_status(old["access_token"]) == 401
        assert refresh(old["refresh_token"]).status_code == 401
    assert refresh(answer.json()["refresh_token"]).status_code == 200
    assert Session.objects.live().count() == 1
    assert sign_in(password="another good one")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("current_password", "wrong"),
        ("new_password", "short"),
        ("new_password", "mia@example.com"),
        ("new_password", "x7" * 65),
    ],
)
def test_a_bad_change_of_password_changes_nothing(mia: User, field: str, value: str) -> None:
    token = sign_in()["access_token"]
    body = {"current_password": PASSWORD, "new_password": "another good one", field: value}
    answer = bearer(token).post(f"{AUTH}/password/change", body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert me_status(token) == 200


def fail_to_sign_in(times: int, name: str = "mia", **extra: Any) -> list[int]:
    body = {"username": name, "password": "wrong"}
    return [APIClient().post(f"{AUTH}/login", body, **extra).status_code for _ in range(times)]


def test_after_ten_failures_even_the_right_password_must_wait(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail_to_sign_in(10) == [401] * 10
    answer = APIClient().post(f"{AUTH}/login", {"email": "mia@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(answer["Retry-After"]) <= 901
    assert authenticate(username="mia", password=PASSWORD) is None
    spoofed = {"HTTP_X_FORWARDED_FOR": "198.51.100.9", "REMOTE_ADDR": "192.0.2.200"}
    assert fail_to_sign_in(1, **spoofed) == [429]
    later = clock.now() + timedelta(minutes=15, seconds=1)
    monkeypatch.setattr("kernel.clock.now", lambda: later)
    assert services.verify_credentials(login="mia", password=PASSWORD, address="127.0.0.1") == mia


def test_an_unknown_name_is_counted_like_a_known_one(db: None) -> None:
    assert fail_to_sign_in(11, name="nobody") == [401] * 10 + [429]


def test_an_address_may_fail_a_hundred_times(db: None) -> None:
    for number in range(99):
        throttling.attempt(f"guess{number}", None, "192.0.2.1").begin()
    assert fail_to_sign_in(2, name="guess99", REMOTE_ADDR="192.0.2.1") == [401, 429]
    spoofed = {"HTTP_X_FORWARDED_FOR": "198.51.100.9", "REMOTE_ADDR": "192.0.2.1"}
    assert fail_to_sign_in(1, name="guess100", **spoofed) == [429]
    assert fail_to_sign_in(1, name="guess101", REMOTE_ADDR="192.0.2.2") == [401]


def test_signing_in_often_is_no_failure_and_forgives_earlier_ones(mia: User) -> None:
    fail_to_sign_in(9)
    for _ in range(12):
        sign_in()
    assert fail_to_sign_in(9) == [401] * 9
    assert sign_in()


def test_guessing_the_current_password_is_counted_too(mia: User) -> None:
    client = bearer(sign_in()["access_token"])
    body = {"current_password": "wrong", "new_password": "another good one"}
    statuses = [client.post(f"{AUTH}/password/change", body).status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]


@pytest.mark.parametrize("role", list(Role))
def test_the_role_decides_who_is_staff(make_person: MakePerson, role: Role) -> None:
    user = make_person("mia", role=role)
    staff = role in {Role.OPERATOR, Role.REVIEWER, Role.ADMIN}
    assert user.is_staff is staff
    assert [group.name for group in user.groups.all()] == ([role] if staff else [])
    assert user.is_admin is (role == Role.ADMIN)
    assert user.is_operator is (role in {Role.OPERATOR, Role.ADMIN})
    services.change_role(user=user, role=Role.USER)
    user.refresh_from_db()
    assert not user.is_staff
    assert not user.groups.exists()


def test_changes_tell_the_others(mia: User, published: list[Any]) -> None:
    company = services.ensure_company(slug="company_a", name="Company A")
    services.change_role(user=mia, role=Role.COMPANY_ADMIN)
    services.move_to_company(user=mia, company=company)
    assert published == [UserChanged(user_id=mia.pk)] * 2
    sign_in()
    services.deactivate(user=mia)
    ended = SessionRevoked(session_id=str(Session.objects.get().pk), user_id=mia.pk)
    assert published[2:] == [UserChanged(user_id=mia.pk), ended]
    services.reactivate(user=mia)
    assert sign_in()


def test_the_sockets_of_somebody_changed_are_closed(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr("accounts.handlers.close_sockets", lambda *args: done.append(args))
    close_user_sockets(UserChanged(user_id=mia.pk))
    assert done == [(f"user:{mia.pk}", 4401)]


def test_the_members_of_a_deleted_company_stay(mia: User, published: list[Any]) -> None:
    company = services.ensure_company(slug="company_a", name="Company A")
    services.move_to_company(user=mia, company=company)
    services.delete_company(company=company)
    mia.refresh_from_db()
    assert mia.company is None
    assert published == [UserChanged(user_id=mia.pk)] * 2


def test_everybody_sees_themselves_and_administrators_all(make_person: MakePerson) -> None:
    company = services.ensure_company(slug="company_a", name="Company A")
    services.ensure_company(slug="company_b", name="Company B")
    mia, tom, ada = make_person("mia", company=company), make_person("tom"), make_person("ada", role=Role.ADMIN)
    for name in ("mia", "tom"):
        sign_in(name)
    assert set(User.objects.visible_to(mia)) == {mia}
    assert set(User.objects.visible_to(ada)) == {mia, tom, ada}
    assert [session.user for session in Session.objects.visible_to(tom)] == [tom]
    assert Session.objects.visible_to(ada).count() == 2
    assert list(Company.objects.visible_to(mia)) == [company]
    assert not Company.objects.visible_to(tom).exists()
    assert Company.objects.visible_to(ada).count() == 2
    for model in (User, Session, Company):
        assert not model.objects.visible_to(AnonymousUser()).exists()


@pytest.mark.parametrize("fields", [{"email": "MIA@example.com"}, {"username": "MIA"}, {"username": "a@b"}])
def test_the_database_itself_keeps_names_apart(mia: User, fields: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(**{"email": "x@example.com", "username": "x", **fields})])


def test_a_superuser_made_on_the_command_line_is_an_administrator(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", username="root", email="Root@Example.com", interactive=False, verbosity=0)
    root = User.objects.get()
    assert (root.role, root.is_admin, root.is_staff, root.is_superuser) == ("admin", True, True, True)
    assert root.email == "root@example.com"
    assert authenticate(username="root@example.com", password=PASSWORD) == root


def test_demo_people_are_made_once_and_left_alone(db: None, published: list[Any]) -> None:
    people = services.ensure_demo_people(password="demo")
    assert [(user.username, user.role) for user in people[:5]] == [
        ("admin", "admin"),
        ("operator", "operator"),
        ("reviewer", "reviewer"),
        ("author", "user"),
        ("trader", "user"),
    ]
    assert people[0].is_superuser
    for slug in ("company_a", "company_b"):
        assert sorted(Company.objects.get(slug=slug).members.values_list("role", flat=True)) == [
            "company_admin",
            "user",
        ]
    trader = people[4]
    services.set_password(user=trader, password="my own choice")
    made = len(published)
    again = services.ensure_demo_people(password="another")
    assert again == people
    assert len(published) == made
    assert sign_in("trader", "my own choice")
    assert sign_in("trader@example.com", "my own choice")
    assert sign_in("admin", "demo")
    assert sum(isinstance(event, UserRegistered) for event in published) == 9
