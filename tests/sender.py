"""Sends bodies to operations, one after the other, and keeps what went wrong."""

import os
import time
from collections.abc import Iterable
from itertools import count
from typing import Any

from django.db import transaction

from kernel.tests.caches import clear_cache
from tests.surface import Operation, fault_of
from tests.world import World

WITHIN = 1.0  # seconds of our own work: the machine may be busy with more
JSON = "application/json"


class Shares:
    """Deals values out: one in `of` to each that asks, another one to the next, so that all meet somebody.

    Where `THOROUGH` is set (`make nightly`), everybody gets all of them.
    """

    def __init__(self, of: int) -> None:
        self._of = 1 if os.environ.get("THOROUGH") else of
        self._turns = count()

    def deal(self, values: Iterable[Any]) -> list[Any]:
        return list(values)[next(self._turns) % self._of :: self._of]


class Sender:
    """Sends bodies one after the other, takes each one's effect back, and keeps what went wrong."""

    def __init__(self, world: World, name: str) -> None:
        self.client: Any = world.client(name)
        self.world = world
        self.faults: list[str] = []

    def send(self, operation: Operation, what: str, body: bytes, kind: str = JSON) -> Any:
        clear_cache()  # or the count of failed sign-ins would answer in place of the operation
        began = time.thread_time()
        with transaction.atomic():
            response = self.client.generic(operation.method, self.world.url(operation), body, content_type=kind)
            transaction.set_rollback(True)
        if time.thread_time() - began > WITHIN:
            self.note(operation, what, f"took {time.thread_time() - began:.1f} s")
        return response

    def note(self, operation: Operation, what: str, fault: str) -> None:
        if fault:
            self.faults.append(f"{operation} with {what}: {fault}")

    def expect(self, operation: Operation, what: str, body: bytes, *statuses: int, kind: str = JSON) -> Any:
        response = self.send(operation, what, body, kind)
        self.note(operation, what, fault_of(response, *statuses))
        return response
