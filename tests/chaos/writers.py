"""Writers over REST who repeat each notification under its key until it is acknowledged."""

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from tests.chaos.population import Population

WRITERS = 4
# What a server in trouble may answer: that it is; and that the first try under the same key still runs.
PATIENCE = {409, 503}
_names = itertools.count()


class Writers:
    """Threads that together tell `per_second` notifications to all kinds of audiences, at `sites` in turn.

    `sent` has when each was begun (monotonic seconds), by its title; `acknowledged` the titles that were answered with
    2xx; `refused` how often each other status was answered, 0 for none at all.
    """

    def __init__(
        self, sites: Sequence[str], people: Population, per_second: float, *, only: str = "", filler: str = ""
    ) -> None:
        self.sent: dict[str, float] = {}
        self.acknowledged: set[str] = set()
        self.refused: Counter[int] = Counter()
        self.faults: list[str] = []
        self._sites, self._people, self._only, self._filler = list(sites), people, only, filler
        self._interval = WRITERS / per_second
        self._name = f"burst-{next(_names)}"
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Begin nothing more, and wait until all that was begun is acknowledged."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a writer was never answered"

    def _write(self, number: int) -> None:
        chance, due, count = random.Random(number), time.monotonic(), 0
        headers = {"Authorization": f"Bearer {self._people.admin}"}
        with httpx.Client(headers=headers, timeout=10) as client:
            while not self._over.is_set():
                title, count = f"{self._name}.{number}.{count}", count + 1
                path, body = self._letter(chance, title)
                self.sent[title] = time.monotonic()
                self._tell(client, number + count, title, path, body)
                due = max(due + self._interval, time.monotonic() - 1)
                self._over.wait(max(0.0, due - time.monotonic()))

    def _letter(self, chance: random.Random, title: str) -> tuple[str, dict[str, Any]]:
        kinds = {"user": 60, "company": 15, "company role": 15, "role": 5, "all": 5}
        kind = self._only or chance.choices(list(kinds), list(kinds.values()))[0]
        letter = {"title": title, "message": "m" + self._filler}
        company, role = chance.choice(self._people.companies), chance.choice(self._people.roles)
        if kind == "user":
            person = chance.choice(self._people.people)[0]
            return "/notifications", {**letter, "type": "info", "priority": "low", "user_id": person}
        if kind == "all":
            return "/notifications/send", letter
        path = {
            "company": f"/broadcast/company/{company}",
            "company role": f"/broadcast/company/{company}/role/{role}",
            "role": f"/broadcast/role/{role}",
        }[kind]
        return path, {"id": title, "type": "notification", "payload": {**letter, "type": "info"}}

    def _tell(self, client: httpx.Client, turn: int, title: str, path: str, body: dict[str, Any]) -> None:
        until = time.monotonic() + 50
        while time.monotonic() < until:
            site, turn, status = self._sites[turn % len(self._sites)], turn + 1, 0
            with contextlib.suppress(httpx.TransportError):
                answer = client.post(f"{site}/api/v1{path}", json=body, headers={"Idempotency-Key": title})
                status = answer.status_code
                if status < 300:
                    self.acknowledged.add(title)
                    return
                if status not in PATIENCE or "retry-after" not in answer.headers:
                    self.faults.append(f"{path}: {status} {answer.text[:300]}")
                    return
            self.refused[status] += 1
            time.sleep(0.1)
        self.faults.append(f"{title} was never acknowledged")
