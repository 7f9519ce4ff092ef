"""REST beside the replaced stack: a list of formulas and a new notification, authenticated, in turn, in one run."""

import argparse
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

from benchmarks.http_load import Load, in_turn, request
from benchmarks.listeners import Listeners
from benchmarks.report import Row, compared, machine, percentile, save, show
from benchmarks.servers import OurRest, Ours, Peer, Usage

FORMULAS, PEOPLE = 200, 10
# The caller follows all that are not their own, so that they are shown every formula's code.
SEED = """
import json
from accounts.models import User
from accounts.services import register_user, sign_in
from django.test import override_settings
from formulas.services import create_formula, subscribe_to_formula
bench = User.objects.get(username="bench")
with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
    others = [register_user(username=f"author{{number}}", email=f"author{{number}}@example.com", password="{password}")
              for number in range(1, {people})]
    tokens = [sign_in(login=other.username, password="{password}").access_token for other in others]
authors = [bench, *others]
for number in range({count}):
    formula = create_formula(author=authors[number % {people}], name=f"Formula {{number}}",
                             description="Buys what fell too far.", formula_code="if rsi < 30: buy()",
                             category="momentum", tags=["rsi", "daily"], is_public=True)
    if formula.author_id != bench.pk:
        subscribe_to_formula(user=bench, formula=formula)
print(json.dumps(tokens))
"""
NOTIFICATION = {
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


class Measured:
    """A server of ours to be pressed, with the one that has its sockets: both of their CPU counts."""

    def __init__(self, pressed: Any, daphne: Ours, tokens: list[str]) -> None:
        self.name, self.port, self.tokens = pressed.name, pressed.port, tokens
        self.sockets_at = daphne.port
        self.usage = Usage(*{*pressed.usage.pids, *daphne.usage.pids})


def main() -> None:
    wanted = _arguments()
    print(machine())
    rows: list[Row] = []
    notes = [
        f"{FORMULAS} formulas of {PEOPLE} authors, pages of 20; 16 connections; one process answers, ours embedded "
        "is Daphne alone with its sockets and feed, deployed is `serve_rest` with Daphne beside it for the sockets",
        f"create: {PEOPLE} people, each with a socket that has what is pushed to them; ours has their numbers rise "
        "without a gap, so what one person is sent is written one after the other",
    ]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        embedded, deployed = _ours(Path(folder), stack, wanted.redis)
        theirs = Peer(Path(folder))
        stack.callback(theirs.close)
        for server, way, floors in ((deployed, "deployed", (1.2, 1.0)), (embedded, "embedded", (0.4, None))):
            rows += _list_of_formulas(server, theirs, way, floors[0], wanted)
            if way == "embedded" or wanted.redis:
                rows += _new_notification(server, theirs, way, floors[1], wanted)
            else:
                notes.append("create, deployed: not measured, as there is no REDIS_URL to push through")
    show(rows, notes)
    save(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round (2)")
    parser.add_argument("--redis", default=os.environ.get("REDIS_URL", ""), help="its URL, to push through")
    return parser.parse_args()


def _ours(folder: Path, stack: ExitStack, redis_url: str) -> tuple[Measured, Measured]:
    """The embedded server, and `serve_rest` beside another one, each with the formulas and people."""
    embedded = Ours(folder / "embedded", REDIS_URL="")
    stack.callback(embedded.close)
    daphne = Ours(folder / "deployed", REDIS_URL=redis_url, REDIS_NAMESPACE=f"bench-{os.getpid()}")
    stack.callback(daphne.close)
    rest = OurRest(daphne)
    stack.callback(rest.close)
    return Measured(embedded, embedded, _seeded(embedded)), Measured(rest, daphne, _seeded(daphne))


def _seeded(server: Ours) -> list[str]:
    seed = SEED.format(count=FORMULAS, people=PEOPLE, password="correct horse battery")
    return [server.token, *server.server.shell(seed)]


def _list_of_formulas(ours: Measured, theirs: Peer, way: str, floor: float, wanted: argparse.Namespace) -> list[Row]:
    own = request("GET", "/api/v1/formulas/?size=20", ours.port, ours.tokens[0])
    other = request("GET", "/formulas/?size=20", theirs.port, theirs.token)
    found = in_turn(wanted.rounds, ours, theirs, own, other, seconds=wanted.seconds)
    return _rows(f"list of 20 formulas, {way}", *found, floor=floor, goal=3.5 if way == "deployed" else 1.0)


def _new_notification(
    ours: Measured, theirs: Peer, way: str, floor: float | None, wanted: argparse.Namespace
) -> list[Row]:
    body = json.dumps(NOTIFICATION).encode()
    tokens = [theirs.token_of(number + 1) for number in range(PEOPLE)]
    own = [request("POST", "/api/v1/notifications/", ours.port, token, body) for token in ours.tokens]
    other = [request("POST", "/notifications/", theirs.port, token, body) for token in tokens]
    with _heard(ours.sockets_at, ours.tokens) as here, _heard(theirs.port, tokens) as there:
        found = in_turn(wanted.rounds, ours, theirs, own, other, seconds=wanted.seconds)
    for heard, loads, name in ((here, found[0], ours.name), (there, found[1], theirs.name)):
        if len(heard) < sum(len(load.seconds) for load in loads):
            raise SystemExit(f"{name}: not everything that was created was pushed")
    return _rows(f"create a notification, {way}", *found, floor=floor, goal=1.5)


@contextmanager
def _heard(port: int, tokens: list[str]) -> Iterator[list[Any]]:
    """What arrives meanwhile on one socket for each of `tokens`."""
    listeners, is_over = Listeners(port), threading.Event()
    for token in tokens:
        listeners.open(f"/ws/notifications?token={token}")

    def listen() -> None:
        while not is_over.is_set():
            listeners.listen(0.2)
        listeners.listen(1.0)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield listeners.arrivals
    finally:
        is_over.set()
        thread.join()
        listeners.close()


def _rows(name: str, own: list[Load], other: list[Load], floor: float | None, goal: float) -> list[Row]:
    rows = [compared(f"{name}, requests/s", own, other, "1/s", lambda one: one.rate, floor, goal)]
    for label, figure in (
        ("server CPU for one", lambda one: one.cost),
        ("p99", lambda one: 1000 * percentile(one.seconds, 0.99)),
    ):
        rows.append(compared(f"{name}, {label}", own, other, "ms", figure, less=True))
    return rows


if __name__ == "__main__":
    main()
