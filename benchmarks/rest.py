"""REST beside the replaced stack: a list of formulas and a new notification, authenticated, in turn, in one run."""

import argparse
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

from benchmarks.http_load import Load, in_turn, request
from benchmarks.report import Row, compared, machine, percentile, save, show
from benchmarks.servers import Ours, Peer

FORMULAS = 200
SEED = """
from accounts.models import User
from formulas.services import create_formula
author = User.objects.get(username="bench")
for number in range({count}):
    create_formula(author=author, name=f"Formula {{number}}", description="Buys what fell too far.",
                   formula_code="if rsi < 30: buy()", category="momentum", tags=["rsi", "daily"], is_public=True)
print(1)
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


def main() -> None:
    wanted = _arguments()
    print(machine())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ours, theirs = Ours(Path(folder)), Peer(Path(folder))
        stack.callback(ours.close)
        stack.callback(theirs.close)
        ours.server.shell(SEED.format(count=FORMULAS))
        rows += _list_of_formulas(ours, theirs, wanted.rounds)
        rows += _new_notification(ours, theirs, wanted.rounds)
    show(rows, [f"{FORMULAS} formulas, pages of 20; 16 connections; one process each, ours with its sockets and feed"])
    save(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _list_of_formulas(ours: Ours, theirs: Peer, rounds: int) -> list[Row]:
    own = request("GET", "/api/v1/formulas/?size=20", ours.port, ours.token)
    other = request("GET", "/formulas/?size=20", theirs.port, theirs.token)
    found = in_turn(rounds, ours, theirs, own, other)
    return _rows("list of 20 formulas, embedded", *found, floor=0.4, goal=1.0)


def _new_notification(ours: Ours, theirs: Peer, rounds: int) -> list[Row]:
    body = json.dumps(NOTIFICATION).encode()
    own = request("POST", "/api/v1/notifications/", ours.port, ours.token, body)
    other = request("POST", "/notifications/", theirs.port, theirs.token, body)
    found = in_turn(rounds, ours, theirs, own, other)
    return _rows("create a notification, embedded", *found, floor=1.0, goal=1.5)


def _rows(name: str, own: list[Load], other: list[Load], floor: float, goal: float) -> list[Row]:
    return [
        compared(f"{name}, requests/s", own, other, "1/s", lambda one: one.rate, floor, goal),
        compared(
            f"{name}, p99", own, other, "ms", lambda one: 1000 * percentile(one.seconds, 0.99), 1 / floor, 1 / goal,
            less=True,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
