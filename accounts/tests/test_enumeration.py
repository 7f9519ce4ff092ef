"""Signing in tells nobody who has an account: not by what is answered, and not by how long it takes."""

import statistics
import time
from collections import defaultdict
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Role
from accounts.tests.conftest import AUTH, MakePerson

TRIES = 50
MOST_APART = 0.020  # seconds between the medians
DOORS = ["login", "/admin/login/"]


class Slow(PBKDF2PasswordHasher):
    """Slow enough that a hash which is left out is seen."""

    iterations = 100_000


@pytest.fixture
def names(make_person: MakePerson, settings: Any) -> list[str]:
    """Somebody, somebody who is shut out, somebody without a password, and nobody."""
    settings.PASSWORD_HASHERS = [f"{__name__}.{Slow.__qualname__}"]
    settings.LOGIN_FAILURES_PER_ACCOUNT = settings.LOGIN_FAILURES_PER_ADDRESS = 10**6
    make_person("there", role=Role.ADMIN)
    services.deactivate(user=make_person("shut-out", role=Role.ADMIN))
    services.set_password(user=make_person("no-password", role=Role.ADMIN), password=None)
    return ["there", "shut-out", "no-password", "nobody"]


def tried(door: str, name: str) -> tuple[int, str]:
    """Status and what is said, without what belongs to this one request."""
    if door == "login":
        answer = APIClient().post(f"{AUTH}/login", {"username": name, "password": "a wrong one"})
        told = {key: value for key, value in answer.json().items() if key != "request_id"}
        return answer.status_code, str(told)
    page = Client().post(door, {"username": name, "password": "a wrong one"})
    return page.status_code, str(page.context["form"].errors)


@pytest.mark.parametrize("door", DOORS)
def test_a_failed_sign_in_takes_as_long_and_says_the_same_whoever_there_is(names: list[str], door: str) -> None:
    times: dict[str, list[float]] = defaultdict(list)
    answers = set()
    for _ in range(TRIES):
        for name in names:  # in turns, so that a busy moment of the machine is everybody's
            # The processor's time: what else the machine does meanwhile is nobody's account.
            started = time.process_time()
            answers.add(tried(door, name))
            times[name].append(time.process_time() - started)
    assert len(answers) == 1
    medians = [statistics.median(times[name]) for name in names]
    assert max(medians) - min(medians) < MOST_APART, dict(zip(names, medians, strict=True))
