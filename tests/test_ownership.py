"""What is somebody's own is nobody else's: by id, in lists, in filters, in bodies, and in what a body may set."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.serializers import ModelSerializer

from accounts.models import User
from datafeed.models import Instrument
from formulas.models import Formula
from notifications.models import Notification
from tests.surface import V1, Operation, fault_of, with_body, with_path_parameter
from tests.world import NEEDS_MORE, OUR_APPS, World, everything

pytestmark = pytest.mark.django_db

NOT_THEIRS, NOT_ALLOWED, OPEN = 404, 403, 200
# Not allowed to who administers no company; not there for the administrator of another.
THEIR_COMPANY = 0
# What anybody else gets of something of Ann's: one row for each operation that names a thing. A new one needs its row.
OTHERS = {
    "DELETE /auth/api-keys/{key_id}": NOT_THEIRS,
    "GET /auth/kyc/documents/{document_id}": NOT_THEIRS,
    "DELETE /auth/mfa/{factor_id}": NOT_THEIRS,
    "DELETE /auth/sessions/{session_id}": NOT_THEIRS,
    "GET /backtests/{id}": NOT_THEIRS,
    "DELETE /backtests/{id}": NOT_THEIRS,
    "GET /backtests/{id}/equity.csv": NOT_THEIRS,
    "GET /backtests/{id}/result.json": NOT_THEIRS,
    "GET /backtests/{id}/trades.csv": NOT_THEIRS,
    "POST /broadcast/company/{company}": THEIR_COMPANY,
    "POST /broadcast/company/{company}/role/{role}": THEIR_COMPANY,
    "POST /broadcast/role/{role}": NOT_ALLOWED,
    "GET /companies/{slug}": THEIR_COMPANY,
    "GET /companies/{slug}/invitations": THEIR_COMPANY,
    "POST /companies/{slug}/invitations": THEIR_COMPANY,
    "DELETE /companies/{slug}/invitations/{invitation_id}": THEIR_COMPANY,
    "GET /companies/{slug}/members": THEIR_COMPANY,
    "POST /companies/{slug}/members": THEIR_COMPANY,
    "DELETE /companies/{slug}/members/{user_id}": THEIR_COMPANY,
    "GET /datafeed/exports/{job_id}": NOT_ALLOWED,
    "GET /datafeed/resolve/{symbol}": OPEN,
    "GET /deployments/{id}": NOT_THEIRS,
    "PATCH /deployments/{id}": NOT_THEIRS,
    "DELETE /deployments/{id}": NOT_THEIRS,
    "GET /deployments/{id}/record": NOT_THEIRS,
    "GET /formulas/{id}": NOT_THEIRS,
    "PUT /formulas/{id}": NOT_THEIRS,
    "PATCH /formulas/{id}": NOT_THEIRS,
    "DELETE /formulas/{id}": NOT_THEIRS,
    "POST /formulas/{id}/backtest": NOT_THEIRS,
    "POST /formulas/{id}/duplicate": NOT_THEIRS,
    "GET /formulas/{id}/parity": NOT_THEIRS,
    "POST /formulas/{id}/parity": NOT_THEIRS,
    "GET /formulas/{id}/performance": NOT_THEIRS,
    "POST /formulas/{id}/publish": NOT_THEIRS,
    "GET /formulas/{id}/record": NOT_THEIRS,
    "GET /formulas/{id}/signals": NOT_THEIRS,
    "POST /formulas/{id}/sweep": NOT_THEIRS,
    "GET /formulas/{id}/versions": NOT_THEIRS,
    "POST /formulas/{id}/walk-forward": NOT_THEIRS,
    "GET /instruments/{id}": OPEN,
    "PUT /instruments/{id}": NOT_ALLOWED,
    "PATCH /instruments/{id}": NOT_ALLOWED,
    "DELETE /instruments/{id}": NOT_ALLOWED,
    "GET /jobs/{id}": NOT_THEIRS,
    "DELETE /jobs/{id}": NOT_THEIRS,
    "GET /notifications/channels/{id}": NOT_THEIRS,
    "PATCH /notifications/channels/{id}": NOT_THEIRS,
    "DELETE /notifications/channels/{id}": NOT_THEIRS,
    "POST /notifications/channels/{id}/code": NOT_THEIRS,
    "GET /notifications/channels/{id}/deliveries": NOT_THEIRS,
    "POST /notifications/channels/{id}/secret": NOT_THEIRS,
    "POST /notifications/channels/{id}/test": NOT_THEIRS,
    "POST /notifications/channels/{id}/verify": NOT_THEIRS,
    "GET /notifications/{id}": NOT_THEIRS,
    "PATCH /notifications/{id}": NOT_THEIRS,
    "DELETE /notifications/{id}": NOT_THEIRS,
    "PUT /notifications/{id}/read": NOT_THEIRS,
    "GET /notifications/{id}/receipts": NOT_THEIRS,
    "POST /notifications/{id}/respond": NOT_THEIRS,
    "PUT /reviews/{id}": NOT_THEIRS,
    "DELETE /reviews/{id}": NOT_THEIRS,
    "GET /reviews/formula/{formula_id}": NOT_THEIRS,
    "GET /reviews/formula/{formula_id}/stats": NOT_THEIRS,
    "GET /signals/{id}": NOT_THEIRS,
    "GET /sweeps/{id}": NOT_THEIRS,
    "DELETE /sweeps/{id}": NOT_THEIRS,
    "GET /sweeps/{id}/points.csv": NOT_THEIRS,
    "GET /sweeps/{id}/result.json": NOT_THEIRS,
    "PATCH /subscriptions/{formula_id}": NOT_THEIRS,
    "DELETE /subscriptions/{formula_id}": NOT_THEIRS,
    "GET /subscriptions/{formula_id}/status": NOT_THEIRS,
    "POST /subscriptions/{formula_id}/toggle": NOT_THEIRS,
}
# Whoever runs the system sees what runs in it, and an administrator moderates; neither reads anybody's messages.
STRANGERS = ["ben", "colleague", "company_admin", "rival", "reviewer"]
# These decide on documents and look after their own company: that is theirs.
EXCEPTIONS = {"reviewer": ("/auth/kyc",), "company_admin": ("/companies", "/broadcast/company")}
PRIVATE_EVEN_FROM_STAFF = {
    name
    for name in OTHERS
    if name.split()[1].startswith(
        ("/backtests", "/sweeps", "/notifications", "/subscriptions", "/reviews/{id}", "/auth")
    )
    and "kyc" not in name
    and not name.endswith("/status")  # where staff stand with a formula is their own affair
}


def test_every_operation_that_names_a_thing_has_its_row() -> None:
    assert {operation.name for operation in with_path_parameter()} == set(OTHERS)


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_anns_does_not_exist_for_others_and_stays_as_it_is(world: World, name: str) -> None:
    bodies, client = bodies_of(world), world.client(name)
    before = everything()
    faults = {}
    for operation, body in bodies.items():
        if operation.path.startswith(EXCEPTIONS.get(name, ("nothing",))):
            continue
        expected = OTHERS[operation.name] or (NOT_THEIRS if name == "rival" else NOT_ALLOWED)
        response = client.generic(
            operation.method, world.url(operation), as_json(body), content_type="application/json"
        )
        faults[operation.name] = "" if response.status_code == expected == OPEN else fault_of(response, expected)
        if b"annsown" in response.content:
            faults[operation.name] = "tells what is Ann's"
        if operation.method == "GET":
            head = client.head(world.url(operation))
            assert (head.status_code, head.content) == (expected, b""), operation
        if expected == NOT_THEIRS:
            unknown = client.generic(
                operation.method, unknown_url(operation), as_json(body), content_type="application/json"
            )
            if told(unknown) != told(response):
                faults[operation.name] = f"tells what exists: {told(unknown)} {told(response)}"
    assert {name: fault for name, fault in faults.items() if fault} == {}
    assert everything() == before


def bodies_of(world: World) -> dict[Operation, Any]:
    return {operation: world.body(operation) for operation in with_path_parameter()}


def as_json(body: Any) -> str:
    return json.dumps(body or {})


def unknown_url(operation: Any) -> str:
    """The same operation on a thing that nobody has."""
    path = operation.path
    has_uuid = path.startswith(("/jobs", "/notifications")) and not path.startswith("/notifications/channels")
    if "session_id" in path or "document_id" in path or has_uuid:
        return V1 + path.format(**dict.fromkeys(operation.path_parameters, "11111111-2222-4333-8444-555555555555"))
    return V1 + path.format(**dict.fromkeys(operation.path_parameters, "999999"))


def told(response: Any) -> dict[str, Any]:
    return {name: value for name, value in response.json().items() if name != "request_id"}


@pytest.mark.parametrize("name", ["operator", "admin"])
def test_not_even_staff_have_what_is_private(world: World, name: str) -> None:
    bodies, client = bodies_of(world), world.client(name)
    before = everything()
    for operation, body in bodies.items():
        if operation.name in PRIVATE_EVEN_FROM_STAFF and operation.path != "/reviews/formula/{formula_id}":
            response = client.generic(
                operation.method, world.url(operation), as_json(body), content_type="application/json"
            )
            assert fault_of(response, 404) == "", operation
    assert everything() == before


# What a request must not set, whoever sends it and however it spells true.
EXTRAS: dict[str, Any] = {
    "id": 999_999, "pk": 999_999, "uuid": "x", "user": 1, "user_id_": 1, "owner": 1, "owner_id": 1, "author": 1,
    "author_id": 1,
    "created_by": 1, "sender_id": 1, "role": "admin", "is_staff": "true", "is_superuser": 1, "is_admin": "on",
    "company": "acme",
    "company_id": 1, "kyc_status": "approved", "verified": True, "balance": 10**6, "performance_score": 99,
    "version": 77,
    "version_id": 77, "total_subscribers": 10**6, "average_rating": 5, "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z", "is_retired": True, "groups": [1], "user_permissions": [1],
    "password_hash": "x",
    "last_login": "2001-01-01T00:00:00Z", "stream": "all", "seq": 77, "external_id": "x", "dedup_key": "x",
    "published_at": "2001-01-01T00:00:00Z", "evaluated_through": 1, "warm_from": 1, "detail": "x",
    "realized_pnl": 10**6,
    "is_active_": False, "provider": "x", "read_at": "2001-01-01T00:00:00Z", "fills": [], "price": 1,
}  # fmt: skip
CHANGING = {
    "id", "prefix", "uuid", "created_at", "updated_at", "opened_at", "last_used_at", "expires_at", "authenticated_at",
    "last_login",
    "refresh_jti", "revoked_at", "password", "text", "epoch", "filled_at", "read_at", "responded_at", "published_at",
    "head", "ended_at",
    "version_hash", "told_at", "run_after", "sealed", "due_at", "next_due_at", "verified_at",
}  # fmt: skip


def test_what_a_body_must_not_set_is_never_set(world: World, undo: Callable[[], Any]) -> None:
    """With and without the extras, a request leaves the same rows behind."""
    clients = {name: world.client(name) for name in ("ann", "operator", "admin", "company_admin")}
    for operation in with_body():
        if operation.name in NEEDS_MORE:
            continue
        outcomes = []
        for extras in ({}, EXTRAS):
            with undo():
                body = {**extras, **(world.body(operation) or {})}
                response = clients[world.who(operation)].generic(
                    operation.method, world.url(operation), as_json(body), content_type="application/json"
                )
                assert response.status_code in {200, 201, 202}, (operation, response.content)
                outcomes.append(facts(everything()))
        plain, laden = outcomes
        assert laden == plain, operation


def facts(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """What is in the tables apart from ids and moments, which differ from one time to the next."""
    return {
        label: sorted(
            repr(
                {
                    name: without_ids(value)
                    for name, value in row.items()
                    if name not in CHANGING and not name.endswith(("_id", "_hash"))
                }
            )
            for row in rows
        )
        for label, rows in tables.items()
        if label != "kernel.PendingEvent"
    }


def without_ids(value: Any) -> Any:
    """What a job is to work on has ids as well."""
    if not isinstance(value, dict):
        return value
    return {name: inner for name, inner in value.items() if not name.endswith(("_id", "_ids"))}


def subclasses(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def test_every_serializer_lists_its_fields() -> None:
    """A column that is added later must not be shown, or taken from a body, because nobody thought of it."""
    ours = [one for one in subclasses(ModelSerializer) if one.__module__.split(".")[0] in OUR_APPS]
    assert len(ours) > 5
    for one in ours:
        meta = one.Meta  # type: ignore[attr-defined]
        assert isinstance(meta.fields, list | tuple), one
        assert not hasattr(meta, "exclude"), one


def test_the_owner_is_who_asks_whatever_the_body_says(world: World) -> None:
    ben, claims = (
        world.people["ben"],
        {"user": world.ann.pk, "user_id": world.ann.pk, "author_id": world.ann.pk, "role": "admin"},
    )
    client = world.client("ben")
    made = client.post(f"{V1}/formulas", {"name": "mine", "formula_code": "if close > 1: buy()", **claims})
    assert Formula.objects.get(pk=made.json()["id"]).author == ben
    assert client.post(f"{V1}/subscriptions", {"formula_id": world.unknown().pk, **claims}).status_code == 201
    assert not world.ann.subscriptions.filter(formula=world.unknown()).exists()
    told_to_ann = Notification.objects.filter(stream__name=f"user:{world.ann.pk}").count()
    sent = client.post(
        f"{V1}/notifications", {"type": "info", "priority": "low", "title": "x", "message": "x", **claims}
    )
    assert fault_of(sent, 403) == ""
    assert Notification.objects.filter(stream__name=f"user:{world.ann.pk}").count() == told_to_ann
    client.patch(f"{V1}/auth/me", {"first_name": "B", "is_staff": "true", "is_superuser": "on", **claims})
    person = User.objects.get(pk=ben.pk)
    assert (person.first_name, person.role, person.is_staff, person.is_superuser) == ("B", "user", False, False)
    new = world.client(None).post(
        f"{V1}/auth/register",
        {
            "username": "eve",
            "email": "eve@example.com",
            "password": "another fine horse",
            "is_staff": 1,
            "company": "acme",
            **claims,
        },
    )
    eve = User.objects.get(pk=new.json()["id"])
    assert (eve.role, eve.is_staff, eve.is_superuser, eve.company) == ("user", False, False, None)


def test_an_id_in_a_body_that_is_not_ones_own_is_like_an_unknown_one(world: World) -> None:
    client, before = world.client("ben"), everything()
    bodies: dict[str, dict[str, Any]] = {
        "deployments": {"symbol": "ACME", "resolution": "1D"},
        "subscriptions": {},
        "reviews": {"rating": 5},
    }
    for path, body in bodies.items():
        answers = [client.post(f"{V1}/{path}", {**body, "formula_id": pk}) for pk in (world.private.pk, 999_999)]
        assert [fault_of(answer, 404) for answer in answers] == ["", ""], path
        assert told(answers[0]) == told(answers[1]), path
    assert everything() == before


@pytest.mark.parametrize("name", ["ann", *STRANGERS])
def test_who_does_not_run_the_system_changes_nothing_of_it(world: World, name: str) -> None:
    before = list(Instrument.objects.order_by("pk").values())
    client = world.client(name)
    for method, path in (
        ("POST", "/instruments"),
        ("PUT", f"/instruments/{world.spare.pk}"),
        ("PATCH", f"/instruments/{world.spare.pk}"),
        ("DELETE", f"/instruments/{world.spare.pk}"),
        ("GET", "/health/components"),
        ("GET", "/metrics"),
    ):
        assert fault_of(client.generic(method, V1 + path, "{}", content_type="application/json"), 403) == "", path
    assert list(Instrument.objects.order_by("pk").values()) == before
    others = client.post(
        f"{V1}/notifications",
        {"type": "i", "priority": "low", "title": "x", "message": "x", "user_id": world.people["cat"].pk},
    )
    assert fault_of(others, 403) == ""


SPELLINGS = [
    "{id}", "0{id}", "{id}%20", "%20{id}", "+{id}", "{id}.0", "{id}e0", "-{id}", "me", "{id};a=b", "{id}%00",
    "{id}.json",
]  # fmt: skip


def test_an_inbox_is_its_owners_however_their_id_is_spelt(world: World) -> None:
    for spelling in SPELLINGS:
        address = f"{V1}/notifications/" + spelling.format(id=world.ann.pk)
        for name in [*STRANGERS, "operator"]:
            assert fault_of(world.client(name).get(address), 404) == "", name
        assert world.client("admin").get(f"{V1}/notifications/{world.ann.pk}").status_code == 200
        assert world.client("ann").get(f"{V1}/notifications/{world.ann.pk}").status_code == 200
