"""The lock-out: what is counted, where it is seen, and who can clear it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.management import call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts import services, throttling
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.models import Role, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson, sign_in
from kernel import clock
from kernel.models import AuditEntry
from kernel.tests.caches import clear_cache


def fail(times: int, name: str = "mia", address: str = "192.0.2.1", **extra: Any) -> list[int]:
    body = {"username": name, "password": "wrong"}
    return [APIClient().post(f"{AUTH}/login", body, REMOTE_ADDR=address, **extra).status_code for _ in range(times)]


def test_the_failures_of_an_account_add_up_over_names_and_addresses(mia: User) -> None:
    assert fail(5, "mia", "192.0.2.1") + fail(5, "MIA@example.com", "192.0.2.2") == [401] * 10
    assert fail(1, "mia", "192.0.2.3") == [429]
    assert AccessAttempt.objects.filter(username="mia").count() == 2


def test_blocked_tries_do_not_prolong_the_block(mia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(10)
    start = clock.now()
    for minutes, status in ((14, 429), (16, 401)):
        moment = start + timedelta(minutes=minutes)
        monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
        assert fail(1) == [status]


def test_losing_the_cache_unlocks_nobody(mia: User) -> None:
    fail(10)
    clear_cache()
    assert fail(1) == [429]


def test_the_owners_sign_in_does_not_forgive_what_fails_elsewhere(mia: User) -> None:
    fail(9, address="192.0.2.66")
    sign_in()
    assert fail(2, address="192.0.2.66") == [401, 429]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("addresses", [1, 14])
def test_tries_at_once_cannot_outrun_the_count(make_person: MakePerson, addresses: int) -> None:
    make_person()
    barrier, outcomes = threading.Barrier(14), []

    def guess(number: int) -> None:
        barrier.wait()
        try:
            services.verify_credentials(login="mia", password="wrong", address=f"192.0.2.{number % addresses}")
        except (InvalidCredentials, TooManyAttempts) as error:
            outcomes.append(type(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count(InvalidCredentials), outcomes.count(TooManyAttempts)) == (10, 4)


def test_what_belongs_to_nobody_is_not_kept_in_clear(db: None) -> None:
    fail(1, "my secret password")
    (row,) = AccessAttempt.objects.values()
    assert "secret" not in str(row)
    assert row["username"].startswith("unknown:")


def test_the_control_panel_counts_once_and_is_locked_out_alike(make_person: MakePerson) -> None:
    make_person("root", role=Role.ADMIN)
    wrong = {"username": "root", "password": "wrong"}
    for _ in range(5):
        Client(REMOTE_ADDR="192.0.2.1").post("/admin/login/", wrong)
    assert AccessAttempt.objects.get().failures_since_start == 5
    assert fail(6, "root") == [401] * 5 + [429]
    right = {"username": "root", "password": PASSWORD}
    spoofed = {"HTTP_X_FORWARDED_FOR": "198.51.100.9"}
    assert Client(REMOTE_ADDR="192.0.2.1").post("/admin/login/", right, **spoofed).status_code == 200


def test_an_administrator_sees_the_failures_and_clears_them(mia: User, make_person: MakePerson) -> None:
    fail(10)
    client = Client()
    client.force_login(make_person("root", role=Role.ADMIN))
    page = client.get("/admin/axes/accessattempt/")
    assert page.status_code == 200
    assert b"192.0.2.1" in page.content
    row = AccessAttempt.objects.get()
    body = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    assert client.post("/admin/axes/accessattempt/", body).status_code == 302
    assert fail(1) == [401]
    assert AuditEntry.objects.get(action="lockout.cleared").actor_name == "root"


def test_a_command_clears_an_account(mia: User) -> None:
    fail(10)
    call_command("axes_reset_username", "mia")
    assert fail(1) == [401]


def test_what_no_longer_counts_is_forgotten(mia: User) -> None:
    fail(2)
    fail(1, "nobody")
    AccessAttempt.objects.filter(username="mia").update(attempt_time=clock.now() - timedelta(minutes=16))
    assert throttling.forget_old_failures() == 1
    assert AccessAttempt.objects.count() == 1
