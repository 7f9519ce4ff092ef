"""Preferences: which notifications take which way, in what hours, one by one or collected."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from kernel import clock
from kernel.background import on_thread
from notifications import services
from notifications.channels import ways
from notifications.models import Delivery, Notification
from notifications.rules import QuietHours, Rules
from notifications.services import fan_out
from notifications.tests.fake_services import FakeService, Mood
from notifications.tests.far_end import connected
from notifications.tests.sending import deliver

URL = "/api/v1/notifications/preferences"
NIGHT = {"start": "22:00", "end": "07:00", "timezone": "Europe/Berlin"}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def night(start: str = "22:00", end: str = "07:00", timezone: str = "Europe/Berlin") -> QuietHours:
    return QuietHours(time.fromisoformat(start), time.fromisoformat(end), timezone)


class TestQuietHours:
    """Berlin is at UTC+1 in winter and UTC+2 in summer; it moves at 01:00 UTC on 29 March and 25 October 2026."""

    def test_across_midnight(self) -> None:
        assert night().until(utc(2026, 1, 10, 20, 59)) is None
        assert night().until(utc(2026, 1, 10, 21, 0)) == utc(2026, 1, 11, 6, 0)
        assert night().until(utc(2026, 1, 11, 0, 0)) == utc(2026, 1, 11, 6, 0)
        assert night().until(utc(2026, 1, 11, 5, 59, 59)) == utc(2026, 1, 11, 6, 0)
        assert night().until(utc(2026, 1, 11, 6, 0)) is None

    def test_within_a_day(self) -> None:
        noon = night("12:00", "13:30")
        assert noon.until(utc(2026, 7, 1, 9, 59)) is None
        assert noon.until(utc(2026, 7, 1, 10, 0)) == utc(2026, 7, 1, 11, 30)
        assert noon.until(utc(2026, 7, 1, 11, 30)) is None

    def test_the_night_in_which_clocks_are_put_forward_is_an_hour_shorter(self) -> None:
        assert night().until(utc(2026, 3, 28, 21, 0)) == utc(2026, 3, 29, 5, 0)

    def test_the_night_in_which_clocks_are_put_back_is_an_hour_longer(self) -> None:
        assert night().until(utc(2026, 10, 24, 20, 0)) == utc(2026, 10, 25, 6, 0)

    def test_an_end_that_clocks_jump_over_comes_when_they_have_jumped(self) -> None:
        assert night("22:00", "02:30").until(utc(2026, 3, 29, 0, 59)) == utc(2026, 3, 29, 1, 30)

    def test_an_end_that_clocks_show_twice_is_kept_both_times(self) -> None:
        early = night("22:00", "02:30")
        assert early.until(utc(2026, 10, 24, 23, 0)) == utc(2026, 10, 25, 0, 30)
        assert early.until(utc(2026, 10, 25, 0, 45)) is None
        assert early.until(utc(2026, 10, 25, 1, 10)) == utc(2026, 10, 25, 1, 30), "02:10 for the second time"

    def test_every_moment_of_a_year_is_either_outside_or_ends_within_a_night(self) -> None:
        moment = utc(2026, 1, 1)
        while moment.year == 2026:
            if end := night("23:30", "02:15", "America/New_York").until(moment):
                assert timedelta(0) < end - moment <= timedelta(hours=3, minutes=45)
            moment += timedelta(minutes=35)


class TestDigests:
    def test_an_hourly_digest_is_due_at_the_next_full_hour(self) -> None:
        rule = Rules({"default": {"digest": "hourly"}}).default
        assert rule.due_at("low", utc(2026, 1, 1, 10, 20)) == utc(2026, 1, 1, 11)

    def test_a_daily_digest_is_due_in_the_morning_of_its_reader(self) -> None:
        rule = Rules({"default": {"digest": "daily", "quiet_hours": NIGHT}}).default
        assert rule.due_at("low", utc(2026, 7, 1, 6, 30)) == utc(2026, 7, 2, 6)
        assert Rules({"default": {"digest": "daily"}}).default.due_at("low", utc(2026, 7, 1, 9)) == utc(2026, 7, 2, 8)

    def test_a_digest_keeps_the_quiet_hours(self) -> None:
        rule = Rules({"default": {"digest": "hourly", "quiet_hours": NIGHT}}).default
        assert rule.due_at("low", utc(2026, 1, 1, 20, 30)) == utc(2026, 1, 2, 6)

    def test_what_is_critical_waits_for_nothing(self) -> None:
        rule = Rules({"default": {"digest": "daily", "quiet_hours": NIGHT}}).default
        assert rule.due_at("critical", utc(2026, 1, 1, 23)) == utc(2026, 1, 1, 23)
        assert not rule.is_collected("critical")


@pytest.fixture
def client(ann: User, client_of: Callable[[Any], APIClient]) -> APIClient:
    return client_of(ann)


Tell = Callable[..., Notification]


@pytest.mark.django_db
class TestDocument:
    def test_without_a_word_everything_takes_every_way_at_once(self, client: APIClient) -> None:
        rule = {"channels": ways(), "min_priority": "info", "quiet_hours": None, "digest": "off"}
        assert client.get(URL).json() == {"default": rule, "types": {}}

    def test_a_type_says_only_what_differs(self, client: APIClient) -> None:
        body = {
            "default": {"channels": ["in_app", "email"], "quiet_hours": NIGHT},
            "types": {"trade_signal": {"channels": ["webhook"], "quiet_hours": None}},
        }
        answer = client.put(URL, body)
        assert answer.status_code == 200, answer.content
        assert answer.json() == client.get(URL).json()
        own = answer.json()["types"]["trade_signal"]
        assert own == {"channels": ["webhook"], "min_priority": "info", "quiet_hours": None, "digest": "off"}
        assert client.put(URL, {}).json()["types"] == {}

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"default": 5}, ["default"]),
            ({"types": []}, ["types"]),
            ({"types": {"no slug!": {}}}, ["types.no slug!"]),
            ({"types": {"kyc": {"min_priority": "urgent"}}}, ["types.kyc.min_priority"]),
            ({"default": {"channels": ["pigeon"], "digest": 1}}, ["default.channels", "default.digest"]),
            ({"default": {"channels": "email"}}, ["default.channels"]),
            ({"default": {"quiet_hours": "22-07"}}, ["default.quiet_hours"]),
            (
                {"default": {"quiet_hours": {"start": "24:00", "end": "7", "timezone": "Mars/Base"}}},
                ["default.quiet_hours.end", "default.quiet_hours.start", "default.quiet_hours.timezone"],
            ),
            ({"default": {"quiet_hours": {**NIGHT, "end": "22:00"}}}, ["default.quiet_hours.end"]),
            ({"default": {"quiet_hours": {**NIGHT, "days": []}, "x": 1}}, ["default.quiet_hours.days", "default.x"]),
        ],
        ids=str,
    )
    def test_what_is_wrong_is_named_and_nothing_of_it_is_kept(
        self, client: APIClient, body: Any, fields: list[str]
    ) -> None:
        client.put(URL, {"default": {"digest": "daily"}})
        refused = client.put(URL, body)
        assert (refused.status_code, sorted(refused.json()["errors"])) == (400, fields)
        assert client.get(URL).json()["default"]["digest"] == "daily"

    def test_they_are_ones_own(self, client: APIClient, client_of: Any, member: Any) -> None:
        client.put(URL, {"default": {"digest": "daily"}})
        assert client_of(member("ben")).get(URL).json()["default"]["digest"] == "off"
        assert client_of(None).get(URL).status_code == 401
        assert client_of(None).put(URL, {}).status_code == 401


@pytest.mark.django_db
class TestDelivery:
    def prefer(self, user: User, **rule: Any) -> None:
        services.save_preferences(user=user, rules={"default": rule})

    def test_only_what_is_wanted_there_goes_there(
        self, ann: User, service: FakeService, webhook: Any, tell: Tell
    ) -> None:
        webhook(ann)
        rules = {"default": {"min_priority": "high"}, "types": {"kyc": {"min_priority": "info", "channels": ["email"]}}}
        services.save_preferences(user=ann, rules=rules)
        for type, priority in (("info", "medium"), ("info", "error"), ("kyc", "critical")):
            tell(f"user:{ann.pk}", f"{type} {priority}", type=type, priority=priority)
        deliver()
        assert [one.json["data"]["title"] for one in service.heard] == ["info error"]

    def test_quiet_hours_hold_back_all_but_what_is_critical(
        self, ann: User, service: FakeService, webhook: Any, tell: Tell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook(ann)
        self.prefer(ann, quiet_hours=NIGHT)
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 23))
        tell(f"user:{ann.pk}", "sleep", priority="high")
        tell(f"user:{ann.pk}", "wake up", priority="critical")
        assert deliver() == 1
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 2, 5, 59))
        assert deliver() == 0
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 2, 6))
        assert deliver() == 1
        assert [one.json["data"]["title"] for one in service.heard] == ["wake up", "sleep"]

    def test_a_retry_and_a_late_start_keep_them_too(
        self, ann: User, service: FakeService, webhook: Any, tell: Tell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook(ann)
        self.prefer(ann, quiet_hours=NIGHT)
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 20, 59))
        service.mood = Mood(500)
        tell(f"user:{ann.pk}", "late")
        deliver()
        service.mood = Mood()
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 22))
        assert deliver() == 0
        assert Delivery.objects.get().due_at == utc(2026, 12, 2, 6)
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 2, 6))
        assert deliver() == 1

    def test_a_digest_is_one_message_of_all_and_a_repeat_has_the_same_id(
        self, ann: User, service: FakeService, webhook: Any, tell: Tell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook(ann)
        self.prefer(ann, digest="hourly")
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 10, 5))
        for number in range(3):
            tell(f"user:{ann.pk}", f"number {number}")
        assert deliver() == 0
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 11))
        service.mood = Mood(500)
        deliver()
        tell(f"user:{ann.pk}", "for the next one")
        fan_out.expand_fan_outs()
        service.mood = Mood()
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 12))
        assert deliver() == 4
        failed, again, after = service.heard
        assert [one.json["type"] for one in service.heard] == ["digest"] * 3
        assert failed.headers["webhook-id"] == again.headers["webhook-id"] != after.headers["webhook-id"]
        said = [one["title"] for one in again.json["data"]["notifications"]]
        assert said == ["number 0", "number 1", "number 2"]
        assert [one["title"] for one in after.json["data"]["notifications"]] == ["for the next one"]

    def test_a_digest_in_words_begins_with_the_most_urgent(
        self, ann: User, service: FakeService, tell: Tell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = {"server": service.url, "topic": "x"}
        channel, _ = services.create_channel(user=ann, kind="ntfy", config=config)
        services.channels.mark_verified(channel=channel)
        self.prefer(ann, digest="daily")
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 1, 10))
        for number in range(40):
            tell(f"user:{ann.pk}", f"number {number}", priority="high" if number == 35 else "low")
        deliver()
        monkeypatch.setattr(clock, "now", lambda: utc(2026, 12, 2, 8))
        assert deliver() == 40
        said = service.heard[-1].json
        assert (said["title"], said["priority"]) == ("40 notifications", 4)
        assert said["message"].startswith("number 35")
        assert said["message"].endswith("And 10 more.")


@pytest.mark.django_db
class TestMuting:
    @pytest.mark.parametrize(
        ("rules", "muted"),
        [
            ({}, []),
            ({"types": {"info": {"channels": ["email"]}}}, ["info"]),
            ({"default": {"channels": []}, "types": {"kyc": {"channels": ["in_app"]}}}, ["info", "order"]),
            ({"default": {"channels": []}}, ["info", "kyc", "order"]),
        ],
        ids=["nothing", "one type", "all but one", "everything"],
    )
    def test_what_is_muted_stays_in_the_log_and_can_be_left_out_or_looked_for(
        self, ann: User, client: APIClient, tell: Tell, rules: Any, muted: list[str]
    ) -> None:
        types = ["info", "kyc", "order"]
        for type in types:
            tell(f"user:{ann.pk}", type=type)
        services.save_preferences(user=ann, rules=rules)

        def listed(**query: str) -> list[str]:
            results = client.get("/api/v1/notifications", query).json()["results"]
            return sorted(one["type"] for one in results)

        assert listed() == types
        assert listed(muted="true") == muted
        assert listed(muted="false") == [type for type in types if type not in muted]


@pytest.mark.django_db(transaction=True)
async def test_a_muted_type_is_not_pushed_and_its_positions_move_on(ann: User, tell: Tell) -> None:
    await on_thread(services.save_preferences, user=ann, rules={"types": {"info": {"channels": ["in_app"]}}})
    async with connected(ann) as client:
        await client.subscribe()
        for number, type in enumerate(["kyc", "info", "kyc"]):
            await on_thread(tell, f"user:{ann.pk}", f"{type} {number}", type=type)
        await client.until(lambda: len(client.titles()) == 2)
        assert client.titles() == ["kyc 0", "kyc 2"]
        assert client.socket.position(f"user:{ann.pk}") == 3


@pytest.mark.django_db(transaction=True)
async def test_what_is_muted_meanwhile_is_no_longer_pushed_to_open_sockets(ann: User, tell: Tell) -> None:
    async with connected(ann) as client:
        await client.subscribe()
        await on_thread(tell, f"user:{ann.pk}", "before", type="info")
        await on_thread(services.save_preferences, user=ann, rules={"types": {"info": {"channels": ["in_app"]}}})
        async with asyncio.timeout(5):
            while client.inbox().only is None:
                await asyncio.sleep(0.01)
        await on_thread(tell, f"user:{ann.pk}", "muted", type="info")
        await on_thread(tell, f"user:{ann.pk}", "after", type="kyc")
        await client.until(lambda: "after" in client.titles())
        assert client.titles() == ["before", "after"]
