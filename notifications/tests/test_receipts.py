"""Receipts: counted for the sender, in person for the recipient, and nothing for anybody else."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from kernel import clock
from kernel.errors import Invalid
from notifications import services
from notifications.errors import StreamForbidden
from notifications.models import Notification, ReadingState, Receipt

pytestmark = pytest.mark.django_db

V1 = "/api/v1/notifications"

ClientOf = Callable[[Any], APIClient]
Member = Callable[..., User]
Tell = Callable[..., Notification]


@pytest.fixture
def people(member: Member) -> dict[str, User]:
    return {name: member(name) for name in ("ann", "ben", "cid")} | {"boss": member("boss", role="admin")}


def receipts(client: APIClient, row: Notification) -> Any:
    return client.get(f"{V1}/{row.pk}/receipts").data


def test_the_sender_has_numbers_and_recipients_their_own_times(
    people: dict[str, User], tell: Tell, client_of: ClientOf
) -> None:
    row = tell("role:user", sender_id=people["boss"].pk)
    boss = client_of(people["boss"])
    assert receipts(boss, row) == {
        "sent": {"recipients": 3, "delivered": 0, "read": 0, "responded": 0, "channels": {}},
        "own": None,
    }
    services.acknowledge(user=people["ann"], stream_name="role:user", seq=1)
    services.mark_read(user=people["ben"], notification_ids=[row.pk])
    client_of(people["cid"]).post(f"{V1}/{row.pk}/respond", {"response": "accept"})
    sent = receipts(boss, row)["sent"]
    assert (sent["recipients"], sent["delivered"], sent["read"], sent["responded"]) == (3, 3, 2, 1)
    ann = receipts(client_of(people["ann"]), row)
    assert ann["sent"] is None
    assert ann["own"]["delivered_at"].endswith("Z")
    assert (ann["own"]["read_at"], ann["own"]["responded_at"]) == (None, None)
    cid = receipts(client_of(people["cid"]), row)["own"]
    assert cid["read_at"]
    assert cid["responded_at"]


def test_a_sender_among_the_recipients_has_both(people: dict[str, User], tell: Tell, client_of: ClientOf) -> None:
    row = tell("all", sender_id=people["boss"].pk, external_id="notif_1")
    body = client_of(people["boss"]).get(f"{V1}/notif_1/receipts").data
    assert body["sent"]["recipients"] == 4
    assert body["own"] == {"delivered_at": None, "read_at": None, "responded_at": None}
    assert receipts(client_of(people["ann"]), row)["sent"] is None


def test_others_learn_nothing(people: dict[str, User], tell: Tell, client_of: ClientOf) -> None:
    row = tell(f"user:{people['ann'].pk}", sender_id=people["ann"].pk)
    for name in ("ben", "boss"):
        assert client_of(people[name]).get(f"{V1}/{row.pk}/receipts").status_code == 404
    assert client_of(None).get(f"{V1}/{row.pk}/receipts").status_code == 401


def test_reading_the_whole_inbox_counts_and_taking_one_back_does_not(
    people: dict[str, User], tell: Tell, client_of: ClientOf
) -> None:
    row = tell("role:user", sender_id=people["boss"].pk)
    services.mark_all_read(user=people["ann"])
    services.mark_all_read(user=people["ben"])
    services.mark_unread(user=people["ben"], notification=row)
    sent = receipts(client_of(people["boss"]), row)["sent"]
    assert (sent["delivered"], sent["read"]) == (1, 1)


def test_who_came_later_or_is_shut_out_is_no_recipient(
    people: dict[str, User], tell: Tell, member: Member, client_of: ClientOf
) -> None:
    row = tell("role:user", sender_id=people["boss"].pk)
    member("dan")
    User.objects.filter(pk=people["ann"].pk).update(is_active=False)
    assert receipts(client_of(people["boss"]), row)["sent"]["recipients"] == 2


def test_a_position_only_rises(people: dict[str, User], tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        tell("all")
    ann = people["ann"]
    assert services.acknowledge(user=ann, stream_name="all", seq=2)
    first = Receipt.objects.get().delivered_at
    assert not services.acknowledge(user=ann, stream_name="all", seq=1)
    assert not services.acknowledge(user=ann, stream_name="all", seq=2)
    assert (Receipt.objects.get().delivered_seq, Receipt.objects.get().delivered_at) == (2, first)
    assert services.acknowledge(user=ann, stream_name="all", seq=3)
    assert Receipt.objects.get().delivered_seq == 3


def test_a_position_of_others_or_of_the_future_is_refused(people: dict[str, User], tell: Tell) -> None:
    tell("all")
    tell(f"user:{people['ben'].pk}")
    for stream in (f"user:{people['ben'].pk}", "role:admin", "nothing", ""):
        with pytest.raises(StreamForbidden):
            services.acknowledge(user=people["ann"], stream_name=stream, seq=1)
    with pytest.raises(Invalid):
        services.acknowledge(user=people["ann"], stream_name="all", seq=2)
    assert not Receipt.objects.exists()


def test_single_notifications_are_acknowledged_once_and_only_ones_own(people: dict[str, User], tell: Tell) -> None:
    mine, others = tell("all"), tell(f"user:{people['ben'].pk}")
    ids = [mine.pk, others.pk, uuid.UUID(int=7)]
    assert services.acknowledge_notifications(user=people["ann"], notification_ids=ids) == 1
    state = ReadingState.objects.get()
    assert state.notification_id == mine.pk
    assert state.delivered_at is not None
    assert state.read_at is None
    assert services.acknowledge_notifications(user=people["ann"], notification_ids=ids) == 0


def test_what_was_received_is_unread_still(people: dict[str, User], tell: Tell, client_of: ClientOf) -> None:
    row = tell("all")
    services.acknowledge_notifications(user=people["ann"], notification_ids=[row.pk])
    body = client_of(people["ann"]).get(f"{V1}/").data
    assert (body["total"], body["unread_count"], body["results"][0]["status"]) == (1, 1, "unread")
    own = receipts(client_of(people["ann"]), row)["own"]
    assert own["delivered_at"] == clock.isoformat(ReadingState.objects.get().delivered_at)
