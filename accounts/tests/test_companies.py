"""Companies: whose they are, who is invited, added and removed, and that other companies' do not exist."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.errors import LinkNotValid
from accounts.models import Company, Invitation, Role, User
from accounts.services.companies import INVITATIONS_A_DAY, INVITATIONS_AN_HOUR
from accounts.tests.conftest import AUTH, MakePerson
from accounts.tests.mailbox import sent, token_in
from kernel import clock
from kernel.models import AuditEntry, Job

API = "/api/v1"


@pytest.fixture
def one(db: None) -> Company:
    return services.ensure_company(slug="one", name="One Ltd")


@pytest.fixture
def two(db: None) -> Company:
    return services.ensure_company(slug="two", name="Two Ltd")


@pytest.fixture
def boss(make_person: MakePerson, one: Company) -> User:
    return make_person("boss", role=Role.COMPANY_ADMIN, company=one)


def as_(user: User | None) -> APIClient:
    client = APIClient()
    if user:
        client.force_authenticate(User.objects.select_related("company").get(pk=user.pk))
    return client


def invite(user: User, slug: str = "one", email: str = "mia@example.com", **body: Any) -> Any:
    return as_(user).post(f"{API}/companies/{slug}/invitations", {"email": email, **body})


def accept(user: User | None, token: Any) -> Any:
    return as_(user).post(f"{AUTH}/invitations/accept", {"token": token})


CALLS = (
    ("get", ""),
    ("get", "/members"),
    ("post", "/members"),
    ("delete", "/members/{member}"),
    ("get", "/invitations"),
    ("post", "/invitations"),
    ("delete", "/invitations/{invitation}"),
)


def everything(user: User | None, slug: str, member: int) -> list[int]:
    body = {"email": "x@example.com", "user_id": member}
    invitation = Invitation.objects.values_list("pk", flat=True).first() or 1
    found = []
    for method, path in CALLS:
        sends = body if method == "post" else None
        found.append(
            getattr(as_(user), method)(
                f"{API}/companies/{slug}{path.format(member=member, invitation=invitation)}", sends
            ).status_code
        )
    return found


def test_only_a_companys_administrator_comes_in(
    make_person: MakePerson, boss: User, one: Company, two: Company
) -> None:
    member = make_person("mem", company=one)
    invite(boss, email="asked@example.com")
    before = list(User.objects.order_by("pk").values())
    assert everything(None, "one", member.pk) == [401] * len(CALLS)
    for name, role in (("usr", Role.USER), ("opr", Role.OPERATOR), ("rev", Role.REVIEWER)):
        assert everything(make_person(name, role=role, company=one), "one", member.pk) == [403] * len(CALLS), role
    stranger = make_person("other", role=Role.COMPANY_ADMIN, company=two)
    homeless = make_person("none", role=Role.COMPANY_ADMIN)
    for outsider in (stranger, homeless):
        assert everything(outsider, "one", member.pk) == [404] * len(CALLS)
        assert everything(outsider, "nowhere", member.pk) == [404] * len(CALLS)
    assert list(User.objects.order_by("pk").values())[: len(before)] == before
    assert list(Invitation.objects.good().values_list("email", flat=True)) == ["asked@example.com"]


def test_another_companys_member_is_not_found_in_ones_own(make_person: MakePerson, boss: User, two: Company) -> None:
    other = make_person("other", company=two)
    for user_id in (other.pk, 10**15, f"0{boss.pk}"):
        assert as_(boss).delete(f"{API}/companies/one/members/{user_id}").status_code == 404
    other.refresh_from_db()
    assert other.company == two


def test_the_administrator_sees_the_company_and_its_members(make_person: MakePerson, boss: User, one: Company) -> None:
    make_person("mem", company=one)
    make_person("outsider")
    shown = as_(boss).get(f"{API}/companies/one").json()
    assert (shown["slug"], shown["name"], shown["members"]) == ("one", "One Ltd", 2)
    members = as_(boss).get(f"{API}/companies/one/members").json()
    assert [member["username"] for member in members["results"]] == ["boss", "mem"]
    assert set(members["results"][0]) == {"id", "username", "email", "first_name", "last_name", "role", "is_active"}
    assert as_(make_person("root", role=Role.ADMIN)).get(f"{API}/companies/one").status_code == 200


def test_without_mail_the_maker_hands_the_token_over(make_person: MakePerson, boss: User, one: Company) -> None:
    mia = make_person("mia")
    answer = invite(boss, email="MIA@Example.com")
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["email"], body["role"], body["company"]) == ("mia@example.com", "user", "one")
    assert body["token"] not in str(list(Invitation.objects.values()))
    accepted = accept(mia, body["token"])
    assert accepted.status_code == 200
    mia.refresh_from_db()
    assert (mia.company, mia.role) == (one, Role.USER)
    assert accept(mia, body["token"]).json()["code"] == "link_not_valid"
    actions = AuditEntry.objects.filter(action__in=["user.invited", "company.changed", "invitation.accepted"])
    assert list(actions.order_by("seq").values_list("action", "actor_name")) == [
        ("user.invited", "boss"),
        ("company.changed", "mia"),
        ("invitation.accepted", "mia"),
    ]


def test_with_mail_the_token_goes_to_the_address_alone(make_person: MakePerson, boss: User, settings: Any) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    settings.PUBLIC_BASE_URL = "https://box.example.com"
    mia = make_person("mia")
    assert invite(boss, role="company_admin").json()["token"] is None
    (message,) = sent()
    assert message.to == ["mia@example.com"]
    assert "One Ltd" in message.body
    assert "https://box.example.com/#invitation=" in message.body
    token = token_in(message)
    assert token not in str(list(Job.objects.values()))
    assert accept(mia, token).json()["role"] == "company_admin"


@pytest.mark.parametrize("role", ["operator", "reviewer", "admin", "superuser", "", None, 1])
def test_nobody_is_invited_or_added_to_a_role_beyond_the_company(
    make_person: MakePerson, boss: User, role: Any
) -> None:
    mia, root = make_person("mia"), make_person("root", role=Role.ADMIN)
    assert list(invite(boss, role=role).json()["errors"]) == ["role"]
    answer = as_(root).post(f"{API}/companies/one/members", {"user_id": mia.pk, "role": role})
    assert list(answer.json()["errors"]) == ["role"]


def test_the_token_is_for_the_invited_address_alone(make_person: MakePerson, boss: User) -> None:
    token = invite(boss).json()["token"]
    thief, mia = make_person("thief"), make_person("mia")
    assert accept(None, token).status_code == 401
    refused = accept(thief, token)
    assert (refused.status_code, refused.json()["code"]) == (403, "invited_another")
    thief.refresh_from_db()
    assert thief.company is None
    assert accept(mia, token).status_code == 200, "and stays good for them"


def test_an_invitation_ends_after_an_hour_and_with_a_newer_one(
    make_person: MakePerson, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = make_person("mia")
    first, second = invite(boss).json()["token"], invite(boss).json()["token"]
    assert accept(mia, first).status_code == 400
    moment = clock.now() + timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert accept(mia, second).status_code == 400


@pytest.mark.parametrize("change", ["demoted", "moved", "shut out", "deleted"])
def test_an_invitation_ends_with_its_makers_right_to_make_it(
    make_person: MakePerson, boss: User, two: Company, change: str
) -> None:
    mia = make_person("mia")
    token = invite(boss).json()["token"]
    match change:
        case "demoted":
            services.change_role(user=boss, role=Role.USER)
        case "moved":
            services.move_to_company(user=boss, company=two)
        case "shut out":
            services.deactivate(user=boss)
        case _:
            services.delete_user(user=boss)
    assert accept(mia, token).json()["code"] == "link_not_valid"
    mia.refresh_from_db()
    assert mia.company is None


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.REVIEWER, Role.ADMIN])
def test_staff_who_join_keep_their_role(make_person: MakePerson, boss: User, one: Company, role: Role) -> None:
    mia = make_person("mia", role=role)
    assert accept(mia, invite(boss).json()["token"]).status_code == 200
    mia.refresh_from_db()
    assert (mia.company, mia.role) == (one, role)


def test_an_administrator_adds_somebody_and_a_companys_own_must_invite(
    make_person: MakePerson, boss: User, one: Company
) -> None:
    mia, root = make_person("mia"), make_person("root", role=Role.ADMIN)
    body = {"user_id": mia.pk, "role": "company_admin"}
    refused = as_(boss).post(f"{API}/companies/one/members", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "invite_instead")
    assert as_(root).post(f"{API}/companies/one/members", body).status_code == 201
    mia.refresh_from_db()
    assert (mia.company, mia.role) == (one, Role.COMPANY_ADMIN)
    for unknown in (10**15, 0, -1, "x", None):
        answer = as_(root).post(f"{API}/companies/one/members", {"user_id": unknown})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["user_id"])


def test_who_is_removed_stays_a_person_without_a_company_and_its_powers(
    make_person: MakePerson, boss: User, one: Company
) -> None:
    mem = make_person("mem", role=Role.COMPANY_ADMIN, company=one)
    assert as_(boss).delete(f"{API}/companies/one/members/{mem.pk}").status_code == 204
    mem.refresh_from_db()
    assert (mem.company, mem.role, mem.is_active) == (None, Role.USER, True)
    assert as_(boss).delete(f"{API}/companies/one/members/{mem.pk}").status_code == 404
    entry = AuditEntry.objects.get(action="company.changed", target=f"user:{mem.pk}")
    assert (entry.actor_name, entry.detail) == ("boss", {"from": "one", "to": None})


def test_an_open_invitation_is_listed_without_its_token_until_it_is_withdrawn(
    make_person: MakePerson, boss: User, one: Company, two: Company
) -> None:
    token = invite(boss).json()["token"]
    foreign = make_person("other", role=Role.COMPANY_ADMIN, company=two)
    theirs = invite(foreign, slug="two", email="tom@example.com").json()["id"]
    (listed,) = as_(boss).get(f"{API}/companies/one/invitations").json()["results"]
    assert (listed["email"], listed["role"], listed["token"]) == ("mia@example.com", "user", None)
    for invitation_id in (theirs, 10**15):
        assert as_(boss).delete(f"{API}/companies/one/invitations/{invitation_id}").status_code == 404
    assert as_(boss).delete(f"{API}/companies/one/invitations/{listed['id']}").status_code == 204
    assert as_(boss).delete(f"{API}/companies/one/invitations/{listed['id']}").status_code == 404
    assert as_(boss).get(f"{API}/companies/one/invitations").json()["results"] == []
    assert accept(make_person("mia"), token).status_code == 400
    assert Invitation.objects.good().get().pk == theirs


def test_invitations_are_limited_by_address_and_by_company(boss: User, one: Company, two: Company) -> None:
    answers = [invite(boss).status_code for _ in range(INVITATIONS_AN_HOUR + 1)]
    assert answers == [201] * INVITATIONS_AN_HOUR + [429]
    assert invite(boss, email="tom@example.com").status_code == 201
    common = {"company": one, "invited_by": boss, "expires_at": clock.now()}
    Invitation.objects.bulk_create(
        Invitation(email=f"p{number}@example.com", **common) for number in range(INVITATIONS_A_DAY)
    )
    refused = invite(boss, email="new@example.com")
    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")


@pytest.mark.django_db(transaction=True)
def test_of_two_acceptances_at_once_one_succeeds(make_person: MakePerson) -> None:
    company = services.ensure_company(slug="one", name="One Ltd")
    boss, mia = make_person("boss", role=Role.COMPANY_ADMIN, company=company), make_person("mia")
    _, token = services.invite(company=company, email=mia.email, invited_by=boss)
    together = threading.Barrier(4)
    outcomes: list[str] = []

    def join() -> None:
        together.wait()
        try:
            services.accept_invitation(user=User.objects.get(pk=mia.pk), token=token or "")
            outcomes.append("joined")
        except LinkNotValid:
            outcomes.append("refused")
        connection.close()

    people = [threading.Thread(target=join) for _ in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(outcomes) == ["joined"] + ["refused"] * 3


def test_old_invitations_are_forgotten(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    invite(boss)
    assert services.forget_old_invitations() == 0
    moment = clock.now() + timedelta(days=91)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert services.forget_old_invitations() == 1


def test_invitations_are_seen_by_those_who_may_make_them(make_person: MakePerson, boss: User, two: Company) -> None:
    invite(boss)
    other = make_person("other", role=Role.COMPANY_ADMIN, company=two)
    root = make_person("root", role=Role.ADMIN)
    member = make_person("mem", company=boss.company)
    counts = [Invitation.objects.visible_to(person).count() for person in (boss, root, other, member)]
    assert counts == [1, 1, 0, 0]


def test_the_panel_shows_invitations_without_their_tokens_and_withdraws_them(
    make_person: MakePerson, boss: User
) -> None:
    token = invite(boss).json()["token"]
    made = Invitation.objects.get()
    panel = Client()
    panel.force_login(make_person("root", role=Role.ADMIN))
    for page in ("", f"{made.pk}/change/"):
        shown = panel.get(f"/admin/accounts/invitation/{page}").content.decode()
        assert "mia@example.com" in shown
        assert str(made.token_hash) not in shown
    assert panel.get("/admin/accounts/mailedlink/").status_code == 200
    body = {"action": "withdraw", "_selected_action": [str(made.pk)]}
    assert panel.post("/admin/accounts/invitation/", body).status_code == 302
    assert accept(make_person("mia"), token).json()["code"] == "link_not_valid"
    assert AuditEntry.objects.get(action="invitation.withdrawn").actor_name == "root"


def test_companies_made_and_renamed_in_the_panel_are_written_down(make_person: MakePerson) -> None:
    panel = Client()
    panel.force_login(make_person("root", role=Role.ADMIN))
    assert panel.post("/admin/accounts/company/add/", {"slug": "one", "name": "One"}).status_code == 302
    page = f"/admin/accounts/company/{Company.objects.get().pk}/change/"
    assert panel.post(page, {"name": "One Ltd"}).status_code == 302
    found = AuditEntry.objects.filter(target="company:one").order_by("seq")
    assert list(found.values_list("action", "detail")) == [
        ("company.created", {"name": "One"}),
        ("company.renamed", {"name": "One Ltd"}),
    ]
