"""The control panel: who may see what, and that changes made there are heard."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts import services
from accounts.events import SessionRevoked, UserChanged, UserDeleted, UserRegistered
from accounts.models import Company, Role, Session, User
from accounts.tests.conftest import PASSWORD, MakePerson, me_status, sign_in

NEW_PASSWORD = {"password1": "n3w-secret-word", "password2": "n3w-secret-word"}
SET_PASSWORD = {"usable_password": "true", "set-password": "1", **NEW_PASSWORD}
STAFF = (Role.OPERATOR, Role.REVIEWER, Role.ADMIN)


@pytest.fixture
def root(make_person: MakePerson) -> User:
    user = make_person("root", role=Role.ADMIN)
    services.change_user(user=user, changed=["is_superuser"])
    user.is_superuser = True
    services.change_user(user=user, changed=["is_superuser"])
    return user


def panel(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "company": user.company_id or "",
        "role": user.role,
    }
    if user.is_active:
        body["is_active"] = "on"
    if user.is_superuser:
        body["is_superuser"] = "on"
    body |= changes
    return {name: value for name, value in body.items() if value is not None}


@pytest.mark.parametrize("login", ["root", "root@example.com"])
def test_staff_sign_in_by_either_name(root: User, login: str) -> None:
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": login, "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_the_start_page_opens_for_staff_alone(make_person: MakePerson, role: Role) -> None:
    answer = panel(make_person("sam", role=role)).get("/admin/")
    assert answer.status_code == (200 if role in STAFF else 302)


@pytest.mark.parametrize(
    ("role", "page", "status"),
    [
        (Role.ADMIN, "accounts/user/", 200),
        (Role.ADMIN, "accounts/user/add/", 200),
        (Role.ADMIN, "accounts/company/", 200),
        (Role.ADMIN, "accounts/company/add/", 200),
        (Role.ADMIN, "accounts/session/", 200),
        (Role.ADMIN, "auth/group/", 200),
        (Role.ADMIN, "kernel/job/", 200),
        (Role.REVIEWER, "accounts/user/", 200),
        (Role.REVIEWER, "accounts/user/?q=mia", 200),
        (Role.REVIEWER, "accounts/company/", 200),
        (Role.REVIEWER, "accounts/user/add/", 403),
        (Role.REVIEWER, "accounts/session/", 403),
        (Role.REVIEWER, "kernel/job/", 403),
        (Role.OPERATOR, "kernel/job/", 200),
        (Role.OPERATOR, "kernel/pendingevent/", 200),
        (Role.OPERATOR, "kernel/rememberedanswer/", 403),
        (Role.OPERATOR, "accounts/user/", 403),
    ],
)
def test_staff_use_the_panel_with_the_permissions_of_their_role(
    make_person: MakePerson, role: Role, page: str, status: int
) -> None:
    make_person("mia")
    sign_in("mia")
    assert panel(make_person("sam", role=role)).get(f"/admin/{page}").status_code == status


@pytest.mark.parametrize("page", ["change/", "password/", "delete/", "history/"])
def test_the_pages_of_a_person_open_without_showing_secrets(root: User, mia: User, page: str) -> None:
    answer = panel(root).get(f"/admin/accounts/user/{mia.pk}/{page}")
    assert answer.status_code == 200
    assert mia.password not in answer.content.decode()


def test_a_reviewer_may_look_at_people_and_not_change_them(make_person: MakePerson, mia: User) -> None:
    client = panel(make_person("rev", role=Role.REVIEWER))
    page = f"/admin/accounts/user/{mia.pk}"
    assert client.get(f"{page}/change/").status_code == 200
    assert client.post(f"{page}/change/", form_of(mia, role="admin")).status_code == 403
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{page}/password/", NEW_PASSWORD).status_code == 403
    mia.refresh_from_db()
    assert mia.role == Role.USER


def test_adding_a_person_registers_them(root: User, published: list[Any]) -> None:
    body = {
        "username": "new",
        "email": "New@Example.com",
        "role": "reviewer",
        "company": "",
        "usable_password": "true",
        **NEW_PASSWORD,
    }
    answer = panel(root).post("/admin/accounts/user/add/", body)
    assert answer.status_code == 302, answer.context["errors"]
    user = User.objects.get(username="new")
    assert (user.email, user.is_staff, user.groups.get().name) == ("new@example.com", True, "reviewer")
    assert published == [UserRegistered(user_id=user.pk)]
    assert sign_in("new", "n3w-secret-word")


def test_changing_a_role_and_a_company_is_heard(root: User, mia: User, published: list[Any]) -> None:
    company = Company.objects.create(slug="company_a", name="Company A")
    body = form_of(mia, role="operator", company=company.pk, first_name="Mia")
    assert panel(root).post(f"/admin/accounts/user/{mia.pk}/change/", body).status_code == 302
    mia.refresh_from_db()
    assert (mia.role, mia.company, mia.first_name, mia.is_staff) == ("operator", company, "Mia", True)
    assert published == [UserChanged(user_id=mia.pk)]


def test_saving_without_a_change_says_nothing(root: User, mia: User, published: list[Any]) -> None:
    assert panel(root).post(f"/admin/accounts/user/{mia.pk}/change/", form_of(mia)).status_code == 302
    assert published == []


def test_shutting_somebody_out_ends_their_sessions(root: User, mia: User, published: list[Any]) -> None:
    token = sign_in()["access_token"]
    body = form_of(mia, is_active=None)
    assert panel(root).post(f"/admin/accounts/user/{mia.pk}/change/", body).status_code == 302
    assert me_status(token) == 401
    assert [type(event) for event in published] == [UserChanged, SessionRevoked]


def test_setting_a_password_ends_the_sessions(root: User, mia: User, published: list[Any]) -> None:
    token = sign_in()["access_token"]
    assert panel(root).post(f"/admin/accounts/user/{mia.pk}/password/", SET_PASSWORD).status_code == 302
    assert me_status(token) == 401
    assert sign_in(password="n3w-secret-word")
    assert [type(event) for event in published] == [SessionRevoked]


def test_an_administrator_does_not_become_a_superuser(make_person: MakePerson, root: User) -> None:
    ada = make_person("ada", role=Role.ADMIN)
    client = panel(ada)
    assert client.post(f"/admin/accounts/user/{ada.pk}/change/", form_of(ada, is_superuser="on")).status_code == 302
    ada.refresh_from_db()
    assert not ada.is_superuser
    assert client.post(f"/admin/accounts/user/{root.pk}/password/", SET_PASSWORD).status_code == 403
    assert client.post(f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=root.pk).exists()


def test_deleting_a_person_ends_their_sessions(root: User, mia: User, published: list[Any]) -> None:
    sign_in()
    assert panel(root).post(f"/admin/accounts/user/{mia.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=mia.pk).exists()
    assert {type(event) for event in published} == {SessionRevoked, UserDeleted}


def test_a_session_can_be_ended_and_nothing_else_changed(root: User, mia: User) -> None:
    token = sign_in()["access_token"]
    session = Session.objects.get()
    client = panel(root)
    page = f"/admin/accounts/session/{session.pk}/change/"
    shown = client.get(page)
    assert shown.status_code == 200
    assert session.refresh_jti not in shown.content.decode()
    assert client.post(page, {"address": "192.0.2.9"}).status_code == 403
    body = {"action": "sign_out", "_selected_action": [str(session.pk)]}
    assert client.post("/admin/accounts/session/", body).status_code == 302
    assert me_status(token) == 401


def test_each_staff_role_has_its_group_after_migrating(db: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {"operator", "reviewer", "admin"}
    assert set(Group.objects.get(name="reviewer").permissions.values_list("codename", flat=True)) == {
        "view_user",
        "view_company",
        "view_kycsubmission",
        "change_kycsubmission",
        "view_kycdocument",
    }
