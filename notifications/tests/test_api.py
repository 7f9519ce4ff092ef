"""Notifications over REST."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from kernel import clock
from notifications import services
from notifications.models import Notification, ReadingState

FIELDS = [
    "id",
    "stream",
    "seq",
    "type",
    "priority",
    "title",
    "message",
    "source",
    "symbol",
    "topic",
    "confidence_score",
    "urgency_score",
    "promise_score",
    "data",
    "status",
    "read",
    "response",
    "created_at",
    "read_at",
    "responded_at",
]
STRONG_BUY = {
    "type": "combined_signal",
    "priority": "critical",
    "title": "Strong Buy Signal",
    "message": "BTC/USDT showing strong buy signal with 85% confidence",
    "source": "combined",
    "symbol": "BTC/USDT",
    "confidence_score": 85.0,
    "urgency_score": 90.0,
    "promise_score": 88.0,
}
PLAIN = {"type": "info", "priority": "info", "title": "Note", "message": "text"}
NOBODYS = "0190b2f4-5d6e-4a7b-8c9d-0e1f2a3b4c5d"
URL = "/api/v1/notifications/"

ClientOf = Callable[[Any], APIClient]
Member = Callable[..., User]
Tell = Callable[..., Notification]


@pytest.fixture
def api(ann: User, client_of: ClientOf) -> APIClient:
    return client_of(ann)


@pytest.mark.parametrize("url", ["/notifications", "/notifications/", "/api/notifications/", "/api/v1/notifications"])
def test_the_printed_body_makes_a_notification_under_every_prefix(api: APIClient, ann: User, url: str) -> None:
    answer = api.post(url, STRONG_BUY)
    assert answer.status_code == 201, answer.data
    body = msgspec.json.decode(answer.content)
    assert list(body) == FIELDS
    assert {name: body[name] for name in STRONG_BUY} == STRONG_BUY
    assert (body["status"], body["read"], body["response"], body["read_at"]) == ("unread", False, None, None)
    assert (body["stream"], body["seq"], body["data"], body["topic"]) == (f"user:{ann.pk}", 1, {}, None)
    assert body["created_at"].endswith("Z")
    assert msgspec.json.decode(api.get(f"{url.rstrip('/')}/{body['id']}").content) == body


def test_the_socket_sends_what_rest_shows(api: APIClient) -> None:
    body = {**STRONG_BUY, "confidence_score": 70.5, "urgency_score": 0, "data": {"a": [1, {"b": None}], "c": 0.1}}
    shown = msgspec.json.decode(api.post(URL, body).content)
    sent = msgspec.json.decode(Notification.objects.get().text)
    assert sent["payload"] == shown
    assert sent["type"] == "notification"
    assert (sent["stream"], sent["seq"]) == (shown["stream"], shown["seq"])
    assert (sent["ts"], sent["event_id"]) == (shown["created_at"], uuid.UUID(shown["id"]).hex)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "no spaces allowed"}, "type"),
        ({"type": None}, "type"),
        ({"priority": "urgent"}, "priority"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": ["x"]}, "title"),
        ({"message": "x" * 10_001}, "message"),
        ({"confidence_score": 100.00001}, "confidence_score"),
        ({"urgency_score": -0.001}, "urgency_score"),
        ({"promise_score": 1e300}, "promise_score"),
        ({"promise_score": "NaN"}, "promise_score"),
        ({"promise_score": True}, "promise_score"),
        ({"data": [1]}, "data"),
        ({"data": {"x": "y" * 20_000}}, "data"),
        ({"user_id": "x"}, "user_id"),
        ({"user_id": 2**63}, "user_id"),
    ],
)
def test_a_wrong_value_is_refused_by_name(api: APIClient, change: dict[str, Any], field: str) -> None:
    answer = api.post(URL, {**PLAIN, **change})
    assert answer.status_code == 400
    assert answer.data["code"] in {"validation_error", "parse_error"}
    assert field in answer.data.get("errors", {"non_field_errors": []})
    assert not Notification.objects.exists()


@pytest.mark.parametrize("name", ["type", "priority", "title", "message"])
def test_what_every_notification_needs_is_asked_for(api: APIClient, name: str) -> None:
    answer = api.post(URL, {key: value for key, value in PLAIN.items() if key != name})
    assert (answer.status_code, list(answer.data["errors"])) == (400, [name])


@pytest.mark.parametrize(("sent", "shown"), [(0, 0), (100, 100), (33.333333333, 33.3333), ("12.5", 12.5), (None, None)])
def test_scores_are_numbers_from_0_to_100(api: APIClient, sent: Any, shown: Any) -> None:
    answer = api.post(URL, {**PLAIN, "confidence_score": sent})
    assert answer.status_code == 201
    assert msgspec.json.decode(answer.content)["confidence_score"] == shown


def test_the_same_key_makes_one_notification(api: APIClient) -> None:
    first = api.post(URL, PLAIN, headers={"Idempotency-Key": "k1"})
    again = api.post(URL, PLAIN, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert msgspec.json.decode(again.content) == msgspec.json.decode(first.content)
    assert Notification.objects.count() == 1
    assert api.post(URL, {**PLAIN, "title": "Other"}, headers={"Idempotency-Key": "k1"}).status_code == 422


def test_owner_fields_in_a_body_are_not_applied(api: APIClient, ann: User, member: Member) -> None:
    ben = member("ben")
    forged = {
        "id": NOBODYS,
        "stream": f"user:{ben.pk}",
        "seq": 9,
        "sender": ben.pk,
        "read": True,
    }
    body = api.post(URL, {**PLAIN, **forged, "created_at": "2001-01-01T00:00:00Z"}).data
    assert (body["stream"], body["seq"], body["read"]) == (f"user:{ann.pk}", 1, False)
    assert body["id"] != forged["id"]
    assert not body["created_at"].startswith("2001")
    assert Notification.objects.get().sender == ann


def test_only_operators_and_administrators_send_to_somebody_else(
    api: APIClient, ann: User, member: Member, client_of: ClientOf
) -> None:
    ben = member("ben")
    assert api.post(URL, {**PLAIN, "user_id": ben.pk}).status_code == 403
    assert api.post(URL, {**PLAIN, "user_id": 10**9}).status_code == 403, "who exists is not told either"
    assert not Notification.objects.exists()
    assert api.post(URL, {**PLAIN, "user_id": ann.pk}).status_code == 201
    for role in ("operator", "admin"):
        sender = client_of(member(role, role=role))
        assert sender.post(URL, {**PLAIN, "user_id": ben.pk}).data["stream"] == f"user:{ben.pk}"
        refused = sender.post(URL, {**PLAIN, "user_id": 10**9})
        assert (refused.status_code, list(refused.data["errors"])) == (400, ["user_id"])
    assert client_of(ben).get(URL).data["total"] == 2


def test_a_stranger_without_a_credential_gets_401(db: None, client_of: ClientOf) -> None:
    stranger = client_of(None)
    for path in ("", "stats/summary", "unread/count", "7", NOBODYS):
        assert stranger.get(URL + path).status_code == 401
    assert stranger.post(URL, PLAIN).status_code == 401


def test_a_stranger_cannot_read_or_touch_my_notifications(
    api: APIClient, ann: User, member: Member, client_of: ClientOf
) -> None:
    mine = api.post(URL, {**PLAIN, "title": "SECRET-OF-ANN"}).data["id"]
    services.create_notification(
        stream_name=f"user:{ann.pk}", type="info", title="x", message="x", external_id="notif_1"
    )
    before = list(Notification.objects.order_by("seq").values())
    for stranger in (client_of(member("ben")), client_of(member("boss", role="admin"))):
        unknown = stranger.get(URL + NOBODYS)
        for key in (mine, mine.upper(), "notif_1"):
            answers = [
                stranger.get(URL + key),
                stranger.patch(URL + key, {"read": True}),
                stranger.delete(URL + key),
                stranger.put(f"{URL}{key}/read"),
                stranger.post(f"{URL}{key}/respond", {"response": "accept"}),
                stranger.post(f"{URL}{key}/respond?action=approve"),
            ]
            assert {answer.status_code for answer in answers} == {404}
            assert {answer.data["detail"] for answer in answers} == {unknown.data["detail"]}
        for query in ("", "?user_id=1", "?all=true", "?unread_only=true"):
            assert b"SECRET-OF-ANN" not in stranger.get(URL + query).content
        stranger.post(URL + "read-all")
    assert list(Notification.objects.order_by("seq").values()) == before
    assert not ReadingState.objects.filter(notification_id=mine).exists()


def test_a_list_by_user_id_is_one_s_own_or_an_administrator_s(
    api: APIClient, ann: User, member: Member, client_of: ClientOf
) -> None:
    api.post(URL, PLAIN)
    assert api.get(f"{URL}{ann.pk}").data == api.get(URL).data
    assert api.get(f"{URL}{ann.pk}").data["total"] == 1
    assert client_of(member("boss", role="admin")).get(f"{URL}{ann.pk}").data["total"] == 1
    for role in ("user", "operator", "company_admin"):
        assert client_of(member(role, role=role)).get(f"{URL}{ann.pk}").status_code == 404
    for trick in (f"0{ann.pk}", f"{ann.pk}%20", f"{ann.pk}%0A", "me", "0", "-1", str(2**63), str(10**18)):
        assert api.get(URL + trick).status_code == 404, trick


def test_ids_are_known_in_any_case_and_by_the_sender_s_own(api: APIClient, tell: Tell) -> None:
    row = tell("all", "sent to many", external_id="notif_1746245726.463395")
    for key in (str(row.pk), str(row.pk).upper(), "notif_1746245726.463395"):
        assert api.get(URL + key).data["id"] == str(row.pk)
    assert api.put(f"{URL}notif_1746245726.463395/read").data["status"] == "read"


def test_the_list_is_newest_first_with_pages_and_an_unread_count(api: APIClient, tell: Tell) -> None:
    rows = [tell("all", f"n{number}") for number in range(5)]
    api.put(f"{URL}{rows[0].pk}/read")
    body = api.get(URL + "?page=1&size=2").data
    assert [row["title"] for row in body["results"]] == ["n4", "n3"]
    assert (body["total"], body["total_pages"], body["unread_count"]) == (5, 3, 4)
    assert [row["title"] for row in api.get(body["next"]).data["results"]] == ["n2", "n1"]
    assert [row["title"] for row in api.get(URL + "?limit=1&unread_only=false").data["results"]] == ["n4"]
    unread = api.get(URL + "?unread_only=True").data
    assert (unread["total"], unread["unread_count"]) == (4, 4)
    assert api.get(URL + "?ordering=created_at").data["results"][0]["title"] == "n0"


def test_the_list_can_be_narrowed(api: APIClient, tell: Tell) -> None:
    tell("all", "a", type="trade_signal", priority="high", symbol="AAPL", topic="new_features")
    early = tell("all", "b", type="info", priority="error", symbol="BTC/USDT")
    tell("all", "c", priority="low")
    Notification.objects.filter(pk=early.pk).update(created_at=clock.now() - timedelta(days=2))
    yesterday = clock.isoformat(clock.now() - timedelta(days=1))

    def found(query: str) -> str:
        return "".join(sorted(row["title"] for row in api.get(f"{URL}?{query}").data["results"]))

    assert found("type=trade_signal") == "a"
    assert found("priority=error") == "b"
    assert found("min_priority=high") == "ab"
    assert found("symbol=btc/usdt") == "b"
    assert found("topic=new_features") == "a"
    assert found(f"since={yesterday}") == "ac"
    for wrong in ("priority=urgent", "since=yesterday", "unread_only=maybe", "ordering=stream", "page=0", "limit=x"):
        answer = api.get(f"{URL}?{wrong}")
        assert (answer.status_code, list(answer.data["errors"])) == (400, [wrong.split("=")[0]]), wrong


def test_a_list_costs_the_same_queries_however_long_it_is(api: APIClient, tell: Tell) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            api.get(URL + "?size=100")
        return len(captured)

    tell("all")
    few = queries()
    for number in range(20):
        row = tell("all", f"n{number}")
        if number % 2:
            api.put(f"{URL}{row.pk}/read")
    assert queries() == few <= 4


def test_reading_is_remembered_and_can_be_taken_back(api: APIClient, tell: Tell) -> None:
    url = f"{URL}{tell('all').pk}"
    read = api.put(url + "/read/").data
    assert (read["status"], read["read"]) == ("read", True)
    assert api.put(url + "/read").data["read_at"] == read["read_at"], "the first reading counts"
    assert api.patch(url, {"read": False}).data["status"] == "unread"
    assert api.patch(url, {"read": True}).data["read"] is True
    assert api.patch(url, {}).data["read"] is True
    assert api.patch(url, {"read": "perhaps"}).status_code == 400


def test_an_answer_is_kept_and_reads_as_well(api: APIClient, tell: Tell) -> None:
    url = f"{URL}{tell('all').pk}"
    body = api.post(url + "/respond", {"response": "accept", "note": "half of it"}).data
    assert (body["response"], body["status"], body["read"]) == ("accept", "responded", True)
    assert body["responded_at"].endswith("Z")
    assert ReadingState.objects.get().note == "half of it"
    assert api.patch(url, {"read": False}).data["status"] == "responded"
    assert api.patch(url, {"response": "reject"}).data["response"] == "reject"
    assert api.patch(url, {"response_action": "approve"}).data["response"] == "accept"
    for wrong in ({}, {"response": ""}, {"response": "x" * 201}, {"response": None}):
        assert api.post(url + "/respond", wrong).status_code == 400


@pytest.mark.parametrize(
    ("query", "response"),
    [
        ("action=approve", "accept"),
        ("action=reject", "reject"),
        ("action=snooze", "snooze"),
        ("action=custom&custom_message=wait for it", "wait for it"),
    ],
)
def test_an_answer_may_stand_in_the_query_as_older_clients_put_it(
    api: APIClient, tell: Tell, query: str, response: str
) -> None:
    url = f"{URL}{tell('all').pk}/respond"
    assert api.post(f"{url}?{query}").data["response"] == response
    assert api.post(f"{url}?action=explode").status_code == 400
    assert api.post(f"{url}?action=custom").status_code == 400


def test_deleting_hides_a_notification_for_me_alone(
    api: APIClient, tell: Tell, member: Member, client_of: ClientOf
) -> None:
    ben = client_of(member("ben"))
    url = f"{URL}{tell('all').pk}"
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == api.delete(url).status_code == 404
    assert (api.get(URL).data["total"], api.get(URL).data["unread_count"]) == (0, 0)
    assert api.get(URL + "stats/summary").data["total"] == 0
    assert ben.get(url).status_code == 200


@pytest.mark.parametrize("method", ["post", "put"])
def test_the_whole_inbox_is_marked_read_and_nobody_else_s(
    api: APIClient, tell: Tell, member: Member, client_of: ClientOf, method: str
) -> None:
    ben = client_of(member("ben"))
    for number in range(3):
        tell("all", f"n{number}")
    assert getattr(api, method)(URL + "read-all").data == {"marked": 3, "unread_count": 0}
    assert api.get(URL + "unread/count").data == {"unread_count": 0}
    assert ben.get(URL + "unread/count").data == {"unread_count": 3}


def test_the_summary_counts_by_type_priority_and_status(api: APIClient, tell: Tell) -> None:
    assert api.get(URL + "stats/summary").data["last_created_at"] is None
    first, second = tell("all", type="order", priority="high"), tell("all", type="order")
    last = tell("all", type="kyc")
    api.put(f"{URL}{first.pk}/read")
    api.post(f"{URL}{second.pk}/respond", {"response": "reject"})
    assert api.get(URL + "stats/summary").data == {
        "total": 3,
        "unread": 1,
        "by_type": {"kyc": 1, "order": 2},
        "by_priority": {"high": 1, "medium": 2},
        "by_status": {"unread": 1, "read": 1, "responded": 1},
        "responded": 1,
        "last_created_at": clock.isoformat(last.created_at),
    }


@pytest.mark.parametrize("key", ["7", "notif_x", NOBODYS, "x" * 101, "%00", "..%2F..", "'; --"])
def test_an_id_that_means_nothing_is_404_or_405(api: APIClient, key: str) -> None:
    assert api.delete(URL + key).status_code in {404, 405}
    assert api.put(f"{URL}{key}/read").status_code == 404
