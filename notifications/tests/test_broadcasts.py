"""Telling many: who may, whom it reaches, and that the same envelope is delivered once."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import Company, User
from kernel.models import AuditEntry
from kernel.realtime.dialects import Flat, Typed
from notifications.models import Notification

V1 = "/api/v1"
ID = "notif_1746245726.463395"
PAYLOAD = {
    "id": ID,
    "title": "User Update",
    "message": "New features are available for Company A users",
    "type": "info",
    "created_at": "2025-05-03T11:15:26.463425",
    "read": False,
    "data": {"topic": "new_features"},
}
ENVELOPE = {"id": ID, "type": "notification", "payload": PAYLOAD}
TO_EVERYBODY = {"title": "Hello", "message": "to all of you", "priority": "info", "topic": "news"}
TARGETS = {
    "/broadcast/company/company_a": "company company_a",
    "/broadcast/role/user": "role user",
    "/broadcast/company/company_a/role/user": "role user of company company_a",
}

ClientOf = Callable[[Any], APIClient]
Member = Callable[..., User]

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(member: Member) -> dict[str, User]:
    a, b = (Company.objects.create(slug=slug, name=slug) for slug in ("company_a", "company_b"))
    return {
        "admin": member("admin", role="admin"),
        "boss": member("boss", company=a, role="company_admin"),
        "worker": member("worker", company=a),
        "other_boss": member("other_boss", company=b, role="company_admin"),
        "other_worker": member("other_worker", company=b),
        "lonely_boss": member("lonely_boss", role="company_admin"),
        "operator": member("operator", role="operator"),
    }


def told(user: User) -> list[str]:
    return list(Notification.objects.visible_to(user).values_list("title", flat=True))


def send(client: APIClient, path: str, body: Any) -> Any:
    return client.post(V1 + path, body)


@pytest.mark.parametrize("prefix", ["", "/api", V1])
@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/broadcast/company/company_a", {"boss", "worker"}),
        ("/broadcast/role/user", {"worker", "other_worker"}),
        ("/broadcast/company/company_a/role/user", {"worker"}),
        ("/broadcast/role/admin", {"admin"}),
    ],
)
def test_a_broadcast_reaches_its_audience_and_nobody_else(
    people: dict[str, User], client_of: ClientOf, prefix: str, path: str, reached: set[str]
) -> None:
    answer = client_of(people["admin"]).post(prefix + path, ENVELOPE)
    assert answer.status_code == 200, answer.data
    assert {name for name, user in people.items() if told(user)} == reached
    assert answer.data["status"] == "success"
    assert answer.data["message"].startswith("Message broadcasted to ")
    assert answer.data["recipients"] == len(reached)


def test_the_answer_names_the_target(people: dict[str, User], client_of: ClientOf) -> None:
    for path, target in TARGETS.items():
        answer = send(client_of(people["admin"]), path, ENVELOPE)
        assert answer.data["message"] == f"Message broadcasted to {target}"


def test_an_envelope_becomes_a_notification(people: dict[str, User], client_of: ClientOf) -> None:
    send(client_of(people["boss"]), "/broadcast/company/company_a/role/user", ENVELOPE)
    shown = client_of(people["worker"]).get(f"{V1}/notifications/{ID}").data
    assert {name: shown[name] for name in ("title", "message", "type", "priority", "topic", "data", "source")} == {
        "title": "User Update",
        "message": PAYLOAD["message"],
        "type": "info",
        "priority": "info",
        "topic": "new_features",
        "data": {"topic": "new_features"},
        "source": "broadcast",
    }
    assert shown["stream"] == "company:company_a/role:user"
    assert not shown["created_at"].startswith("2025"), "when it was made is our own word"


def test_whoever_sent_a_broadcast_finds_it_without_being_in_its_audience(
    people: dict[str, User], client_of: ClientOf
) -> None:
    send(client_of(people["boss"]), "/broadcast/company/company_a/role/user", ENVELOPE)
    assert client_of(people["boss"]).get(f"{V1}/notifications/{ID}").data["title"] == "User Update"
    for stranger in ("other_boss", "other_worker", "admin"):
        assert client_of(people[stranger]).get(f"{V1}/notifications/{ID}").status_code == 404
    assert client_of(people["boss"]).put(f"{V1}/notifications/{ID}/read").status_code == 404


def test_sockets_of_the_flat_path_have_the_payload_as_it_was_posted(
    people: dict[str, User], client_of: ClientOf
) -> None:
    posted = {**PAYLOAD, "extra": {"colour": "red"}}
    send(client_of(people["boss"]), "/broadcast/company/company_a", {**ENVELOPE, "payload": posted})
    row = Notification.objects.get()
    flat = msgspec.json.decode(Flat().push(row.text) or "")
    assert flat["payload"] == posted
    assert (flat["title"], flat["id"], flat["stream"]) == ("User Update", str(row.pk), "company:company_a")
    typed = msgspec.json.decode(Typed().push(row.text) or "")
    assert typed["data"] == msgspec.json.decode(row.text)["payload"]


def test_the_same_envelope_is_delivered_once_to_each_audience(people: dict[str, User], client_of: ClientOf) -> None:
    admin = client_of(people["admin"])
    for path in TARGETS:
        first, again = send(admin, path, ENVELOPE), send(admin, path, ENVELOPE)
        assert (again.status_code, again.data) == (200, first.data)
    assert Notification.objects.count() == len(TARGETS)
    assert AuditEntry.objects.filter(action="notification.broadcast").count() == len(TARGETS)
    send(admin, "/broadcast/role/user", {**ENVELOPE, "id": "notif_2"})
    assert Notification.objects.count() == len(TARGETS) + 1


@pytest.mark.django_db(transaction=True)
def test_the_same_envelope_from_many_at_once_is_delivered_once(people: dict[str, User], client_of: ClientOf) -> None:
    barrier, statuses = threading.Barrier(4), []

    def post() -> None:
        client = client_of(people["admin"])
        barrier.wait(10)
        statuses.append(send(client, "/broadcast/role/user", ENVELOPE).status_code)
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 4
    assert Notification.objects.count() == 1


REFUSALS = [
    ("worker", "/broadcast/company/company_a", 403),
    ("operator", "/broadcast/company/company_a", 403),
    ("operator", "/broadcast/role/user", 403),
    ("boss", "/broadcast/role/user", 403),
    ("boss", "/broadcast/company/company_b", 404),
    ("boss", "/broadcast/company/nowhere", 404),
    ("lonely_boss", "/broadcast/company/company_a", 404),
    ("boss", "/broadcast/company/company_b/role/user", 404),
    ("boss", "/broadcast/company/company_a/role/nothing", 404),
    ("admin", "/broadcast/company/nowhere", 404),
    ("admin", "/broadcast/company/COMPANY_A", 404),
    ("admin", "/broadcast/company/company_a%2Frole", 404),
    ("admin", "/broadcast/role/nothing", 404),
    ("admin", "/broadcast/role/Admin", 404),
    (None, "/broadcast/role/user", 401),
]


@pytest.mark.parametrize(("who", "path", "status"), REFUSALS)
def test_whoever_may_not_address_an_audience_tells_nobody(
    people: dict[str, User], client_of: ClientOf, who: str | None, path: str, status: int
) -> None:
    answer = send(client_of(people[who] if who else None), path, ENVELOPE)
    assert answer.status_code == status
    assert not Notification.objects.exists()
    assert not AuditEntry.objects.filter(action="notification.broadcast").exists()


def test_anothers_company_answers_like_one_that_does_not_exist(people: dict[str, User], client_of: ClientOf) -> None:
    boss = client_of(people["boss"])
    details = {send(boss, f"/broadcast/company/{slug}", ENVELOPE).data["detail"] for slug in ("company_b", "nowhere")}
    assert len(details) == 1


def test_a_changed_role_is_what_counts(people: dict[str, User], client_of: ClientOf) -> None:
    User.objects.filter(pk=people["boss"].pk).update(role="user")
    boss = User.objects.get(pk=people["boss"].pk)
    assert send(client_of(boss), "/broadcast/company/company_a", ENVELOPE).status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 101}, "id"),
        ({"id": "../etc"}, "id"),
        ({"id": None}, "id"),
        ({"type": "<b>"}, "type"),
        ({"payload": None}, "payload"),
        ({"payload": []}, "payload"),
        ({"payload": {**PAYLOAD, "title": ""}}, "payload"),
        ({"payload": {**PAYLOAD, "title": "x" * 201}}, "payload"),
        ({"payload": {**PAYLOAD, "message": "x" * 10_001}}, "payload"),
        ({"payload": {**PAYLOAD, "type": "no spaces"}}, "payload"),
        ({"payload": {**PAYLOAD, "data": {"topic": 7}}}, "payload"),
        ({"payload": {**PAYLOAD, "data": {"topic": "x" * 101}}}, "payload"),
        ({"payload": {**PAYLOAD, "data": {"x": "y" * 9_000, "z": "y" * 9_000}}}, "payload"),
        ({"payload": {**PAYLOAD, "extra": ["x" * 9_000] * 6}}, "payload"),
        ({"payload": {**PAYLOAD, "created_at": "yesterday"}}, "payload"),
    ],
)
def test_a_wrong_envelope_is_refused_by_name(
    people: dict[str, User], client_of: ClientOf, change: dict[str, Any], field: str
) -> None:
    answer = send(client_of(people["admin"]), "/broadcast/role/user", {**ENVELOPE, **change})
    assert (answer.status_code, list(answer.data["errors"])) == (400, [field])
    assert not Notification.objects.exists()


def test_what_looks_like_markup_stays_the_text_it_is(people: dict[str, User], client_of: ClientOf) -> None:
    script = "<script>alert('&amp;')</script>"
    payload = {**PAYLOAD, "title": script, "message": script, "data": {"topic": script}}
    send(client_of(people["admin"]), "/broadcast/role/user", {**ENVELOPE, "payload": payload})
    shown = client_of(people["worker"]).get(f"{V1}/notifications/{ID}")
    assert (shown.data["title"], shown.data["message"], shown.data["topic"]) == (script, script, script)
    assert shown["Content-Type"] == "application/json"


@pytest.mark.parametrize("prefix", ["", "/api", V1])
def test_an_administrator_tells_everybody(people: dict[str, User], client_of: ClientOf, prefix: str) -> None:
    answer = client_of(people["admin"]).post(f"{prefix}/notifications/send", TO_EVERYBODY)
    assert (answer.status_code, answer.data) == (200, {"message": "Notification sent successfully"})
    assert all(told(user) == ["Hello"] for user in people.values())
    row = Notification.objects.get()
    assert (row.stream.name, row.priority, row.topic, row.type) == ("all", "info", "news", "notification")


def test_nobody_but_an_administrator_tells_everybody(people: dict[str, User], client_of: ClientOf) -> None:
    for name in people.keys() - {"admin"}:
        assert send(client_of(people[name]), "/notifications/send", TO_EVERYBODY).status_code == 403
    assert not Notification.objects.exists()


@pytest.mark.parametrize("name", ["title", "message", "priority", "topic"])
def test_what_is_wrong_with_a_message_to_everybody_is_named(
    people: dict[str, User], client_of: ClientOf, name: str
) -> None:
    answer = send(client_of(people["admin"]), "/notifications/send", {**TO_EVERYBODY, name: ["x"]})
    assert (answer.status_code, list(answer.data["errors"])) == (400, [name])


def test_the_same_key_tells_everybody_once(people: dict[str, User], client_of: ClientOf) -> None:
    admin, headers = client_of(people["admin"]), {"Idempotency-Key": "k"}
    answers = [admin.post(f"{V1}/notifications/send", TO_EVERYBODY, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert Notification.objects.count() == 1


def test_who_told_what_to_whom_is_in_the_audit_trail(people: dict[str, User], client_of: ClientOf) -> None:
    send(client_of(people["boss"]), "/broadcast/company/company_a", ENVELOPE)
    entry = AuditEntry.objects.get(action="notification.broadcast")
    assert (entry.actor_id, entry.target) == (people["boss"].pk, "stream:company:company_a")
    assert entry.detail == {
        "notification": str(Notification.objects.get().pk),
        "title": "User Update",
        "recipients": 2,
    }


def test_a_sender_tells_many_so_often_a_minute(people: dict[str, User], client_of: ClientOf, settings: Any) -> None:
    settings.BROADCASTS_PER_MINUTE = 3
    admin, boss = client_of(people["admin"]), client_of(people["boss"])
    bodies = [{**ENVELOPE, "id": str(uuid.UUID(int=number))} for number in range(4)]
    for body in bodies[:2]:
        assert send(admin, "/broadcast/role/user", body).status_code == 200
    assert send(admin, "/notifications/send", TO_EVERYBODY).status_code == 200
    refused = send(admin, "/broadcast/role/user", bodies[3])
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert send(boss, "/broadcast/company/company_a", bodies[3]).status_code == 200, "others are counted apart"
    assert admin.get(f"{V1}/notifications/").status_code == 200, "and nothing else is held up"
    assert Notification.objects.count() == 4
