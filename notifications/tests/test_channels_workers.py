"""Workers: one slow or dead channel delays no other, and whatever dies with a worker is sent by the next."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections

from accounts.models import User
from kernel import clock
from kernel.background import on_thread
from notifications import deliverer
from notifications.channels import DeliveryFailed
from notifications.deliverer import run_deliveries
from notifications.models import Channel, Delivery, Notification
from notifications.services import fan_out
from notifications.services.deliveries import claim_channels, work_on
from notifications.tests.fake_services import WEBHOOK, FakeService, Mood
from notifications.tests.sending import deliver

pytestmark = pytest.mark.django_db

Tell = Callable[..., Notification]


@pytest.mark.django_db(transaction=True)
def test_a_slow_channel_delays_itself_and_no_other(
    member: Callable[..., User], make_service: Callable[[], FakeService], webhook: Any, tell: Tell
) -> None:
    slow, quick = make_service(), make_service()
    for number in range(3):
        webhook(member(f"slow{number}"), f"{slow.url}{WEBHOOK}?{number}")
        webhook(member(f"quick{number}"), f"{quick.url}{WEBHOOK}?{number}")
    slow.mood = Mood(what="hang")
    tell("all", "to everybody")
    fan_out.expand_fan_outs()
    began = clock.monotonic()
    threads = [threading.Thread(target=_work, args=(pk,)) for pk in claim_channels(8)]
    for thread in threads:
        thread.start()
    while len(quick.heard) < 3 and clock.monotonic() - began < 5:
        threading.Event().wait(0.01)
    took = clock.monotonic() - began
    assert len(threads) == 6
    assert (len(quick.heard), took < 3) == (3, True)
    assert claim_channels(8) == [], "a channel that is being worked on is nobody else's"
    slow.released.set()
    for thread in threads:
        thread.join(15)
    assert Delivery.objects.filter(state="delivered").count() == 3


def _work(channel_id: int) -> None:
    try:
        work_on(channel_id)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_sends_each(
    member: Callable[..., User], service: FakeService, webhook: Any, tell: Tell
) -> None:
    for number in range(4):
        webhook(member(f"u{number}"), f"{service.url}{WEBHOOK}?{number}")
    for number in range(5):
        tell("all", str(number))
    together = threading.Barrier(4)

    def worker() -> None:
        try:
            together.wait()
            for _ in range(3):
                fan_out.expand_fan_outs()
                for pk in claim_channels(4):
                    work_on(pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    deliver()
    assert len(service.heard) == 20
    assert len({one.headers["webhook-id"] for one in service.heard}) == 20
    assert Delivery.objects.filter(state="delivered").count() == 20


def test_one_persons_channels_do_not_keep_every_sender_busy(
    member: Callable[..., User], service: FakeService, webhook: Any, tell: Tell
) -> None:
    greedy, modest = member("greedy"), member("modest")
    for number in range(6):
        webhook(greedy, f"{service.url}{WEBHOOK}?{number}")
    own = webhook(modest, f"{service.url}{WEBHOOK}?own")
    tell("all")
    fan_out.expand_fan_outs()
    claimed = claim_channels(8)
    assert (len(claimed), own.pk in claimed) == (3, True)
    assert claim_channels(8) == []
    for pk in claimed:
        work_on(pk)
    assert len(claim_channels(8)) == 2


DIES = """
import os, sys, django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.OUTGOING_PRIVATE_HOSTS = frozenset([sys.argv[2]])
from notifications.services import deliveries
deliveries._succeed = lambda *args: os.kill(os.getpid(), 9)
(pk,) = deliveries.claim_channels(5)
deliveries.work_on(pk)
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_sending_and_noting_it_costs_a_repeat_with_the_same_id(
    ann: User, service: FakeService, webhook: Any, tell: Tell, at: Any
) -> None:
    webhook(ann)
    tell(f"user:{ann.pk}", "twice")
    fan_out.expand_fan_outs()
    root = Path(django_settings.BASE_DIR)
    database = str(connection.settings_dict["NAME"])
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "signalbox.settings", "PYTHONPATH": f"{root}:{root / 'platform'}",
        "FIELD_KEYS": django_settings.FIELD_KEYS,
    }  # fmt: skip
    killed = subprocess.run(
        [sys.executable, "-c", DIES, database, service.host], cwd=root, env=environment, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (len(service.heard), Delivery.objects.get().state) == (1, "sending")
    assert deliver() == 0, "its lease is not over"
    at(seconds=61)
    assert deliver() == 1
    first, again = service.heard
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.json["data"] == again.json["data"]
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("delivered", 2)


def test_what_always_kills_its_worker_is_given_up(ann: User, service: FakeService, webhook: Any, tell: Tell) -> None:
    webhook(ann)
    tell(f"user:{ann.pk}")
    fan_out.expand_fan_outs()
    Delivery.objects.update(state="sending", attempts=6)
    assert deliver() == 0
    assert service.heard == []
    assert Delivery.objects.get().reason == "Its worker was lost too often."


def test_a_worker_that_lost_its_channel_changes_nothing(
    ann: User, service: FakeService, webhook: Any, tell: Tell, monkeypatch: Any
) -> None:
    channel = webhook(ann)
    tell(f"user:{ann.pk}")
    fan_out.expand_fan_outs()
    (pk,) = claim_channels(1)

    def stalls(*args: Any) -> None:
        Channel.objects.filter(pk=channel.pk).update(claims=99)
        raise DeliveryFailed("too late")

    monkeypatch.setattr("notifications.channels.webhook.Webhook.send", stalls)
    work_on(pk)
    channel.refresh_from_db()
    assert (channel.claims, channel.failures, channel.lease_until is not None) == (99, 0, True)
    assert Delivery.objects.get().state == "sending"


def test_a_fault_of_ours_is_tried_again_and_tells_nothing(
    ann: User, webhook: Any, tell: Tell, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    webhook(ann)
    tell(f"user:{ann.pk}")

    def breaks(transport: Any, values: Any, letter: Any) -> None:
        raise KeyError(values["secret"])

    monkeypatch.setattr("notifications.channels.webhook.Webhook.send", breaks)
    deliver()
    assert Delivery.objects.get().reason == "Something went wrong on our side."
    assert "KeyError" in caplog.text
    assert "whsec_" not in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_the_worker_sends_what_is_told_while_it_runs_and_ends_when_it_must(
    ann: User, service: FakeService, webhook: Any, tell: Tell
) -> None:
    await on_thread(webhook, ann)
    worker = asyncio.create_task(run_deliveries())
    for number in range(3):
        await on_thread(tell, f"user:{ann.pk}", str(number))
    async with asyncio.timeout(20):
        while await on_thread(Delivery.objects.filter(state="delivered").count) < 3:
            await asyncio.sleep(0.02)
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    for sender in deliverer._senders:
        await sender.call(connections.close_all)
    assert service.titles() == ["0", "1", "2"]
