"""Channels over REST: made, proven, changed, tried out and deleted by their owner, their secrets never shown again."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from kernel import clock
from kernel.crypto import is_sealed_by_newest
from kernel.models import AuditEntry
from kernel.rotation import rotate, sealed_columns
from notifications import services
from notifications.channels import REGISTRY
from notifications.delivery import values_of
from notifications.models import Channel, Delivery
from notifications.services.channels import MOST_CHANNELS
from notifications.tests.fake_services import SLACK, WEBHOOK, FakeService
from notifications.tests.sending import deliver

pytestmark = pytest.mark.django_db

URL = "/api/v1/notifications/channels"
CANARY = "canaryT0kenThatNobodyMaySee1234567890"


@pytest.fixture
def client(ann: User, client_of: Callable[[Any], APIClient]) -> APIClient:
    return client_of(ann)


def add(client: APIClient, kind: str, **config: Any) -> Any:
    return client.post(URL, {"kind": kind, "config": config})


def test_a_webhook_is_proven_by_the_code_it_receives_and_then_gets_notifications(
    client: APIClient, ann: User, service: FakeService, tell: Any
) -> None:
    made = add(client, "webhook", url=service.url + WEBHOOK)
    assert made.status_code == 201, made.content
    assert made.json()["status"] == "unverified"
    assert made.json()["secret"].startswith("whsec_")
    assert "no-store" in made["Cache-Control"]
    tell(f"user:{ann.pk}", "too early")
    deliver()
    (heard,) = service.heard
    assert heard.json["type"] == "verification"
    address = f"{URL}/{made.json()['id']}"
    assert client.post(f"{address}/verify", {"code": "WRONG"}).json()["code"] == "code_not_valid"
    proven = client.post(f"{address}/verify", {"code": f" {heard.json['data']['code'].lower()} "})
    assert (proven.status_code, proven.json()["status"]) == (200, "active")
    tell(f"user:{ann.pk}", "in time")
    deliver()
    assert service.heard[-1].json["data"]["title"] == "in time"
    assert [one.json["type"] for one in service.heard] == ["verification", "notification"]


def test_a_code_is_good_for_five_tries_and_a_quarter_of_an_hour(
    client: APIClient, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{URL}/{add(client, 'webhook', url=service.url + WEBHOOK).json()['id']}"
    deliver()
    code = service.heard[0].json["data"]["code"]
    for _ in range(5):
        assert client.post(f"{address}/verify", {"code": "AAAAAAAA"}).status_code == 400
    assert client.post(f"{address}/verify", {"code": code}).status_code == 400
    assert client.post(f"{address}/code").status_code == 202
    deliver()
    newest = service.heard[1].json["data"]["code"]
    assert client.post(f"{address}/verify", {"code": code}).status_code == 400
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + services.channels.CODE_LIFETIME)
    assert client.post(f"{address}/verify", {"code": newest}).status_code == 400
    monkeypatch.undo()
    assert client.post(f"{address}/verify", {"code": newest}).status_code == 200


def test_only_so_many_codes_are_sent_in_an_hour_even_to_new_channels(client: APIClient, service: FakeService) -> None:
    answers = []
    for number in range(12):
        made = add(client, "webhook", url=f"{service.url}/hook?{number}")
        answers.append(made.status_code)
        if made.status_code == 201:
            client.delete(f"{URL}/{made.json()['id']}")
    assert answers == [201] * 10 + [429] * 2
    assert made["Retry-After"]
    assert not Channel.objects.exists()


def test_ones_own_confirmed_address_needs_no_code_and_another_does(client: APIClient, ann: User) -> None:
    ann.email_confirmed_at = clock.now()
    ann.save()
    assert add(client, "email", address="ANN@example.com").json()["status"] == "active"
    other = add(client, "email", address="other@example.com").json()
    assert other["status"] == "unverified"
    deliver()
    (message,) = mail.outbox
    assert message.to == ["other@example.com"]
    code = str(message.subject).split()[0]
    assert client.post(f"{URL}/{other['id']}/verify", {"code": code}).json()["status"] == "active"


def test_an_unconfirmed_account_proves_its_address_like_any_other(client: APIClient) -> None:
    assert add(client, "email", address="ann@example.com").json()["status"] == "unverified"


def test_the_same_address_is_added_once(client: APIClient, service: FakeService) -> None:
    assert add(client, "webhook", url=service.url + WEBHOOK).status_code == 201
    again = add(client, "webhook", url=service.url + WEBHOOK)
    assert (again.status_code, again.json()["code"]) == (409, "channel_exists")


def test_a_person_has_so_many_channels_and_no_more(ann: User, client: APIClient) -> None:
    Channel.objects.bulk_create(
        Channel(user=ann, kind="ntfy", address=str(number), fingerprint=str(number)) for number in range(MOST_CHANNELS)
    )
    refused = add(client, "email", address="x@example.com")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_channels")


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("webhook", {}, "url"),
        ("webhook", {"url": 5}, "url"),
        ("webhook", {"url": "http://169.254.169.254/latest"}, "url"),
        ("webhook", {"url": "http://2130706433/"}, "url"),
        ("webhook", {"url": "gopher://example.com/"}, "url"),
        ("webhook", {"url": "https://a:b@example.com/"}, "url"),
        ("webhook", {"url": "https://example.com/", "secret": "mine"}, "secret"),
        ("email", {"address": "nobody"}, "address"),
        ("email", {"address": "a@example.com\nBcc: b@example.com"}, "address"),
        ("slack", {"webhook_url": "https://hooks.slack.com.evil.example/services/x"}, "webhook_url"),
        ("discord", {"webhook_url": "https://evil.example/api/webhooks/1/x"}, "webhook_url"),
        ("telegram", {"bot_token": "x/../y", "chat_id": "1"}, "bot_token"),
        ("telegram", {"bot_token": "123456:" + "a" * 35, "chat_id": "1 or 2"}, "chat_id"),
        ("ntfy", {"topic": "a/b"}, "topic"),
        ("ntfy", {"topic": "a", "server": "http://10.0.0.1"}, "server"),
        ("apprise", {"url": "json://127.0.0.1/"}, "url"),
        ("apprise", {"url": "file:///etc/passwd"}, "url"),
        ("apprise", {"url": "pover://only-half"}, "url"),
        ("webpush", {"endpoint": "https://127.0.0.1/x", "keys": {"p256dh": "x", "auth": "y"}}, "endpoint"),
        ("webpush", {"endpoint": "https://push.example.com/x", "keys": {"p256dh": "AAAA", "auth": "y"}}, "p256dh"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_an_address_is_named(client: APIClient, kind: str, config: Any, field: str) -> None:
    refused = client.post(URL, {"kind": kind, "config": config})
    assert refused.status_code == 400, refused.content
    assert list(refused.json()["errors"]["config"]) == [field]
    assert not Channel.objects.exists()


def test_the_kinds_are_listed_with_what_each_must_be_told(client: APIClient) -> None:
    kinds = {one["kind"]: one for one in client.get(f"{URL}/kinds").json()}
    assert list(kinds) == list(REGISTRY)
    assert [one["name"] for one in kinds["telegram"]["config_fields"]] == ["bot_token", "chat_id"]
    assert kinds["telegram"]["config_fields"][0]["is_secret"]
    assert len(kinds["webpush"]["options"]["application_server_key"]) == 87
    assert "pover" in kinds["apprise"]["options"]["schemes"].split(",")


def test_a_test_goes_to_a_proven_channel_only_and_its_fate_can_be_seen(
    client: APIClient, ann: User, service: FakeService, webhook: Any
) -> None:
    unproven = add(client, "webhook", url=service.url + "/other").json()
    assert client.post(f"{URL}/{unproven['id']}/test").json()["code"] == "channel_unverified"
    channel = webhook(ann)
    queued = client.post(f"{URL}/{channel.pk}/test")
    assert (queued.status_code, queued.json()["state"]) == (202, "queued")
    deliver()
    (seen,) = client.get(f"{URL}/{channel.pk}/deliveries").json()["results"]
    assert (seen["id"], seen["purpose"], seen["state"]) == (queued.json()["id"], "test", "delivered")
    assert client.get(f"{URL}/{channel.pk}").json()["last_sent_at"].endswith("Z")


def test_another_address_is_proven_anew_and_gets_nothing_that_waited(
    client: APIClient, ann: User, service: FakeService, webhook: Any, tell: Any
) -> None:
    channel = webhook(ann)
    tell(f"user:{ann.pk}", "for the old address")
    services.fan_out.expand_fan_outs()
    moved = client.patch(f"{URL}/{channel.pk}", {"config": {"url": service.url + "/elsewhere"}})
    assert (moved.status_code, moved.json()["status"]) == (200, "unverified")
    deliver()
    assert [one.json["type"] for one in service.heard] == ["verification"]
    assert Delivery.objects.get(purpose="notification").reason == "The address was changed."


def test_a_secret_that_comes_back_as_asterisks_stays_and_needs_no_new_proof(
    client: APIClient, ann: User, service: FakeService
) -> None:
    made = add(client, "ntfy", server=service.url, topic="mine", token=CANARY).json()
    assert made["config"] == {"server": service.url, "topic": "mine", "token": "********"}
    Channel.objects.update(verified_at=clock.now())
    same = client.patch(f"{URL}/{made['id']}", {"name": "Mine", "config": made["config"]}).json()
    assert (same["name"], same["status"]) == ("Mine", "active")
    assert (values_of(Channel.objects.get()) or {})["token"] == CANARY


def test_a_channel_that_is_off_gets_nothing(
    client: APIClient, ann: User, service: Any, webhook: Any, tell: Any
) -> None:
    channel = webhook(ann)
    assert client.patch(f"{URL}/{channel.pk}", {"is_enabled": False}).json()["status"] == "off"
    tell(f"user:{ann.pk}")
    deliver()
    assert client.patch(f"{URL}/{channel.pk}", {"is_enabled": True}).json()["status"] == "active"
    tell(f"user:{ann.pk}", "again")
    deliver()
    assert [one.json["data"]["title"] for one in service.heard] == ["again"]


def test_a_deleted_channel_is_forgotten_and_what_was_sent_stays_on_record(
    client: APIClient, ann: User, webhook: Any, tell: Any
) -> None:
    channel = webhook(ann)
    tell(f"user:{ann.pk}")
    deliver()
    assert client.delete(f"{URL}/{channel.pk}").status_code == 204
    assert client.get(f"{URL}/{channel.pk}").status_code == 404
    assert Delivery.objects.get().state == "delivered"


def test_a_rotated_secret_is_shown_once_and_both_sign_for_a_day(
    client: APIClient, ann: User, service: FakeService, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = webhook(ann)
    secret = client.post(f"{URL}/{channel.pk}/secret").json()["secret"]
    assert secret.startswith("whsec_")
    assert secret not in client.get(f"{URL}/{channel.pk}").content.decode()
    client.post(f"{URL}/{channel.pk}/test")
    deliver()
    assert len(service.heard[0].headers["webhook-signature"].split()) == 2
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + services.channels.OLD_SECRET_LIFETIME)
    client.post(f"{URL}/{channel.pk}/test")
    deliver()
    assert len(service.heard[1].headers["webhook-signature"].split()) == 1
    other = add(client, "ntfy", topic="x", server=service.url).json()
    assert client.post(f"{URL}/{other['id']}/secret").json()["code"] == "channel_has_no_secret"


def test_a_channel_is_its_owners_alone(
    client_of: Any, member: Any, ann: User, service: FakeService, webhook: Any
) -> None:
    channel = webhook(ann)
    for name, role in (("ben", "user"), ("root", "admin"), ("op", "operator")):
        other = client_of(member(name, role=role))
        assert other.get(URL).json()["total"] == 0
        for method, path, body in (
            ("get", "", None), ("patch", "", {"name": "x"}), ("delete", "", None), ("post", "/test", None),
            ("post", "/verify", {"code": "x"}), ("post", "/code", None), ("post", "/secret", None),
            ("get", "/deliveries", None),
        ):  # fmt: skip
            assert getattr(other, method)(f"{URL}/{channel.pk}{path}", body).status_code == 404, (name, path)
    for path in ("", "/kinds", f"/{channel.pk}"):
        assert client_of(None).get(URL + path).status_code == 401
    assert service.heard == []


def test_a_stolen_key_that_may_answer_notifications_cannot_send_them_elsewhere(ann: User) -> None:
    from accounts.services import create_api_key

    _, text = create_api_key(user=ann, name="bot", scopes=["read", "notifications:write"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
    assert client.get(URL).status_code == 200
    assert add(client, "email", address="thief@example.com").status_code == 403
    assert client.put("/api/v1/notifications/preferences", {}).status_code == 403


def test_no_secret_is_stored_in_clear_shown_again_or_logged(
    client: APIClient, ann: User, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = f"123456:{CANARY}"
    add(client, "telegram", bot_token=token, chat_id="42")
    add(client, "slack", webhook_url=f"{service.url}{SLACK}?{CANARY}")
    add(client, "webhook", url=f"{service.url}{WEBHOOK}?key={CANARY}")
    Channel.objects.update(verified_at=clock.now())
    service.mood.what = "reset"
    deliver()
    shown = client.get(URL).content.decode()
    assert CANARY not in shown.replace(f"?key={CANARY}", ""), "a webhook's own address is no secret from its owner"
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert not [row for row in cursor.fetchall() if CANARY in repr(row)], table
    assert CANARY not in caplog.text
    assert CANARY not in repr(list(AuditEntry.objects.values()))


def test_a_change_of_keys_moves_the_secrets_and_swapped_ones_are_not_read(
    ann: User, webhook: Any, settings: Any
) -> None:
    one, other = webhook(ann), webhook(ann, "https://example.com/x")
    newest = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
    settings.FIELD_KEYS = f"{newest},{settings.FIELD_KEYS}"
    (column,) = [column for column in sealed_columns() if column.model is Channel]
    assert rotate(column) == 2
    one.refresh_from_db()
    assert is_sealed_by_newest(one.sealed)
    Channel.objects.filter(pk=one.pk).update(sealed=Channel.objects.get(pk=other.pk).sealed)
    one.refresh_from_db()
    assert values_of(one) is None
    with pytest.raises(services.channels.ChannelUnreadable):
        services.rotate_secret(channel=one)
