"""Forged requests to the control panel: what a role may not do is refused whatever is posted, and text stays text."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import Company, User
from formulas.models import Formula
from kernel.models import AuditEntry
from tests.world import OUR_APPS, World, everything

pytestmark = pytest.mark.django_db

STAFF = ["operator", "reviewer", "admin"]
OTHERS = ["ann", "company_admin"]
# What a stranger to a page might add to its form to be shown or given more.
FORGED = {
    "_selected_action": ["1", "2"], "action": "delete_selected", "post": "yes", "select_across": "1", "index": "0",
    "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-MAX_NUM_FORMS": "1000", "form-0-id": "1",
    "form-0-role": "admin", "form-0-is_superuser": "on", "_save": "Save", "is_superuser": "on", "is_staff": "on",
    "role": "admin", "id": "999999", "status": "approved", "kyc_status": "approved",
}  # fmt: skip


def panel(world: World, name: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.people[name])
    return client


def addresses(world: World) -> dict[str, tuple[Any, str]]:
    """Each page of each table of ours that a form can be posted to, with its model and the permission it needs."""
    found = {}
    for model in admin.site._registry:
        meta = model._meta
        if meta.app_label in OUR_APPS:
            name = f"admin:{meta.app_label}_{meta.model_name}"
            row = model._default_manager.first()
            found[reverse(f"{name}_changelist")] = (model, "delete")
            found[reverse(f"{name}_add")] = (model, "add")
            if row is not None:
                found[reverse(f"{name}_change", args=[row.pk])] = (model, "change")
                found[reverse(f"{name}_delete", args=[row.pk])] = (model, "delete")
    return found


def may(user: User, model: Any, what: str) -> bool:
    return user.has_perm(f"{model._meta.app_label}.{what}_{model._meta.model_name}")


@pytest.mark.parametrize("name", [*OTHERS, None])
def test_nothing_is_changed_by_who_is_no_staff(world: World, name: str | None) -> None:
    client = panel(world, name) if name else Client()
    before = everything()
    for address in addresses(world):
        for answer in (client.get(address), client.post(address, FORGED)):
            assert answer.status_code in {302, 403}, address
            assert answer.get("Location", "/admin/login/").startswith("/admin/login/"), address
    assert everything() == before


@pytest.mark.parametrize("name", ["operator", "reviewer"])
def test_staff_change_nothing_that_their_role_may_not(world: World, name: str) -> None:
    client, person = panel(world, name), world.people[name]
    before = everything()
    refused = 0
    for address, (model, what) in addresses(world).items():
        if not may(person, model, what):
            status = client.post(address, FORGED).status_code
            # A list may be looked at; the action posted to it is then unknown to it.
            looked_at = status in {200, 302} and what == "delete" and may(person, model, "view")
            assert status == 403 or looked_at, (address, status)
            refused += status == 403
    assert refused > 40
    assert everything() == before
    assert AuditEntry.objects.filter(action="authorisation.refused", actor_name=person.username).count() == refused


def test_a_form_changes_no_field_that_it_does_not_show(world: World) -> None:
    """An administrator is no superuser, and nobody's row becomes another's."""
    client, ann = panel(world, "admin"), world.ann
    fields = {"username": "ann", "email": ann.email, "company": world.company.pk, "role": "user", "is_active": "on"}
    answer = client.post(f"/admin/accounts/user/{ann.pk}/change/", {**FORGED, **fields, "first_name": "Ann"})
    assert answer.status_code == 302, answer.content[:300]
    after = User.objects.get(pk=ann.pk)
    assert (after.first_name, after.role, after.is_superuser, after.is_staff) == ("Ann", "user", False, False)
    assert after.kyc_status == ann.kyc_status != FORGED["kyc_status"]
    assert not User.objects.filter(pk=999_999).exists()


def test_a_list_takes_no_forged_edits(world: World) -> None:
    client, before = panel(world, "admin"), list(User.objects.order_by("pk").values("pk", "role", "is_superuser"))
    form = {name: value for name, value in FORGED.items() if name.startswith(("form-", "_save"))}
    form["form-0-id"] = str(world.ann.pk)
    client.post("/admin/accounts/user/", form)
    assert list(User.objects.order_by("pk").values("pk", "role", "is_superuser")) == before


HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>"
LINK = "javascript:alert(3)"


def test_what_people_write_is_shown_as_text(world: World) -> None:
    Formula.objects.filter(pk=world.private.pk).update(name=HOSTILE, description=LINK, category=HOSTILE[:50])
    Company.objects.filter(pk=world.company.pk).update(name=HOSTILE)
    services.update_profile(user=world.ann, first_name=HOSTILE[:100], last_name=LINK)
    world.notification.title = world.notification.message = HOSTILE
    world.notification.save()
    client = panel(world, "admin")
    pages = [address for address, (_, what) in addresses(world).items() if what != "add"]
    shown = 0
    for address in pages:
        text = client.get(address).content.decode()
        assert "<img src=x" not in text, address
        assert "<script>alert" not in text, address
        assert not re.search(r"""(?:href|src|action)\s*=\s*["']?\s*javascript:""", text), address
        shown += "&lt;img src=x" in text
    assert shown >= 4


def test_the_api_gives_it_back_as_it_was_written_and_as_data(world: World) -> None:
    client = world.client("ann")
    made = client.post(
        "/api/v1/formulas", {"name": HOSTILE, "formula_code": "if close > 1: buy()", "description": LINK}
    )
    answer = client.get(f"/api/v1/formulas/{made.json()['id']}")
    assert (answer.json()["name"], answer.json()["description"]) == (HOSTILE, LINK)
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/json", "nosniff")


def test_the_cookies_of_the_panel_are_out_of_reach_for_scripts_and_other_sites(world: World) -> None:
    client = Client()
    client.get("/admin/login/")
    client.post("/admin/login/", {"username": "admin", "password": "correct horse battery"})
    session, token = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert session["httponly"]
    assert {session["samesite"], token["samesite"]} <= {"Lax", "Strict"}


def test_nothing_changes_by_a_link(world: World) -> None:
    client = panel(world, "admin")
    assert client.get("/admin/logout/").status_code == 405
    assert client.get("/admin/").status_code == 200
    decide = f"/admin/accounts/kycsubmission/{world.document.submission_id}/decide/?decision=approve"
    assert client.get(decide).status_code == 405
    world.document.submission.refresh_from_db()
    assert world.document.submission.status == "pending"
