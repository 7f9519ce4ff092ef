"""Leases: one leader at a time, whatever happens to it."""

import os
import socket
from datetime import timedelta
from typing import Any

import pytest

from kernel import clock, leases
from kernel.models import Lease

pytestmark = pytest.mark.django_db


def test_only_one_process_leads() -> None:
    assert leases.take("engine", "other-host:1:a") == 1
    assert leases.take("engine", "other-host:2:b") is None
    assert leases.take("engine", "other-host:1:a") == 1, "the holder renews without a new number"


def test_a_lease_that_ran_out_goes_to_the_next_with_a_higher_number(monkeypatch: Any) -> None:
    leases.take("engine", "other-host:1:a")
    later = clock.now() + leases.LEASE_FOR + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert leases.take("engine", "other-host:2:b") == 2
    assert leases.take("engine", "other-host:1:a") is None, "whoever woke up late has lost it"


def test_a_lease_that_was_given_back_is_free_at_once() -> None:
    leases.take("engine", "other-host:1:a")
    leases.release("engine", "other-host:1:a")
    assert leases.take("engine", "other-host:2:b") == 2


def test_the_lease_of_a_killed_process_of_this_machine_is_free_at_once() -> None:
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    leases.take("engine", f"{socket.gethostname()}:{gone}:a")
    assert leases.take("engine") == 2


def test_a_live_process_of_this_machine_keeps_its_lease() -> None:
    leases.take("engine", f"{socket.gethostname()}:{os.getppid()}:a")
    assert leases.take("engine") is None
    assert Lease.objects.get().fencing == 1
