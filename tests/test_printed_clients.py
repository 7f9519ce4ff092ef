"""Clients that others wrote and printed work as they are: only host, user id and credential are changed."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from rest_framework.test import APIClient

from accounts.models import Company, User
from notifications import services

pytestmark = pytest.mark.django_db

STRONG_BUY = """{
    "type": "combined_signal",
    "priority": "critical",
    "title": "Strong Buy Signal",
    "message": "BTC/USDT showing strong buy signal with 85% confidence",
    "source": "combined",
    "symbol": "BTC/USDT",
    "confidence_score": 85.0,
    "urgency_score": 90.0,
    "promise_score": 88.0
  }"""
ALERT = {
    "type": "combined_signal",
    "priority": "critical",
    "title": "Alert",
    "message": "Message here",
    "source": "system",
}


def envelope(title: str, message: str, type: str, topic: str) -> str:
    """The body of a `curl -d`, spaces and all."""
    return f"""{{
         "id": "notif_1746245726.463395",
         "type": "notification",
         "payload": {{
             "id": "notif_1746245726.463395",
             "title": "{title}",
             "message": "{message}",
             "type": "{type}",
             "created_at": "2025-05-03T11:15:26.463425",
             "read": false,
             "data": {{
                 "topic": "{topic}"
             }}
         }}
     }}"""


BROADCASTS = [
    (
        "company/company_a/role/user",
        envelope("User Update", "New features are available for Company A users", "info", "new_features"),
        {"worker"},
    ),
    (
        "role/admin",
        envelope("Admin Alert", "System maintenance will be performed tonight", "warning", "system_maintenance"),
        {"admin"},
    ),
    (
        "company/company_a",
        envelope(
            "Announcement for Company A",
            "This is a special announcement for all Company A employees",
            "info",
            "company_announcement",
        ),
        {"worker", "boss"},
    ),
]

ClientOf = Callable[[Any], APIClient]


@pytest.fixture
def people(person: Callable[..., User]) -> dict[str, User]:
    company = Company.objects.create(slug="company_a", name="Company A")
    people = {
        "worker": person("worker", company=company),
        "boss": person("boss", company=company, role="company_admin"),
        "admin": person("admin", role="admin"),
        "stranger": person("stranger"),
    }
    for user in people.values():
        services.sync_memberships(user_id=user.pk)
    return people


def post(client: APIClient, path: str, text: str = "") -> Any:
    return client.post(path, text, content_type="application/json")


def test_a_bot_posts_a_scored_notification_and_its_reader_answers_it(
    people: dict[str, User], client_of: ClientOf
) -> None:
    client = client_of(people["stranger"])
    made = msgspec.json.decode(post(client, "/notifications", STRONG_BUY).content)
    for name, value in json.loads(STRONG_BUY).items():
        assert made[name] == value
    assert client.post("/notifications", ALERT).status_code == 201
    listed = client.get("/notifications", {"limit": 1, "unread_only": "true"}).data
    assert [row["title"] for row in listed["results"]] == ["Alert"]
    assert listed["total"] == 2
    assert client.get(f"/notifications/{made['id']}").data["title"] == "Strong Buy Signal"
    assert client.patch(f"/notifications/{made['id']}", {"read": True}).data["status"] == "read"
    answered = client.post(f"/notifications/{made['id']}/respond", {"response": "accept"}).data
    assert (answered["response"], answered["status"]) == ("accept", "responded")
    summary = client.get("/notifications/stats/summary").data
    assert (summary["total"], summary["unread"], summary["responded"]) == (2, 1, 1)
    assert client.delete(f"/notifications/{made['id']}").status_code == 204
    assert client.get(f"/notifications/{made['id']}").status_code == 404


def test_a_platform_client_pages_through_notifications_and_marks_one_read(
    people: dict[str, User], client_of: ClientOf
) -> None:
    client = client_of(people["stranger"])
    client.post("/notifications", ALERT)
    page = client.get("/notifications/?page=1&size=20").data
    assert (page["total"], page["page"], page["size"]) == (1, 1, 20)
    assert client.put(f"/notifications/{page['results'][0]['id']}/read").data["read"] is True


@pytest.mark.parametrize(("path", "body", "reached"), BROADCASTS, ids=[path for path, _, _ in BROADCASTS])
def test_a_printed_broadcast_reaches_its_group(
    people: dict[str, User], client_of: ClientOf, path: str, body: str, reached: set[str]
) -> None:
    answer = post(client_of(people["admin"]), f"/api/broadcast/{path}", body)
    assert answer.status_code == 200, answer.data
    assert answer.data["status"] == "success"
    assert answer.data["message"].startswith("Message broadcasted to ")
    title = json.loads(body)["payload"]["title"]
    for name, user in people.items():
        found = client_of(user).get(f"/api/notifications/{user.pk}").data["results"]
        assert [row["title"] for row in found] == ([title] if name in reached else [])


def test_a_message_to_all_connected_clients_is_sent_read_and_deleted(
    people: dict[str, User], client_of: ClientOf
) -> None:
    body = {"title": "Hello", "message": "World", "priority": "info", "topic": "general"}
    answer = client_of(people["admin"]).post("/api/notifications/send", body)
    assert (answer.status_code, answer.data) == (200, {"message": "Notification sent successfully"})
    user, client = people["stranger"], client_of(people["stranger"])
    (row,) = client.get(f"/api/notifications/{user.pk}").data["results"]
    assert (row["title"], row["priority"], row["topic"]) == ("Hello", "info", "general")
    assert client.put(f"/api/notifications/{row['id']}/read").data["read"] is True
    assert client.delete(f"/api/notifications/{row['id']}").status_code == 204
    assert client.get(f"/api/notifications/{user.pk}").data["total"] == 0
