"""Kill -9 in the middle: every signal has its notification, none twice."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.server import LiveServer

pytestmark = pytest.mark.live

OFTEN = "if close > open: buy()\nif close < open: sell()"

COUNT = """
import json
from formulas.models import Signal
from kernel.models import PendingEvent
from notifications.models import Notification
signals = [f"signal:{pk}" for pk in Signal.objects.values_list("pk", flat=True)]
told = list(Notification.objects.filter(type="trade_signal").values_list("dedup_key", flat=True))
bars = Signal.objects.values_list("deployment_id", "bar_time", "side")
streams = {}
for name, seq in Notification.objects.order_by("seq").values_list("stream__name", "seq"):
    streams.setdefault(name, []).append(seq)
print(json.dumps({
    "signals": sorted(signals), "told": sorted(told), "doubled": len(bars) - len(set(bars)),
    "streams": {name: len(seqs) for name, seqs in streams.items()},
    "gapless": all(seqs == list(range(1, len(seqs) + 1)) for seqs in streams.values()),
    "pending": PendingEvent.objects.count(),
}))
"""


def test_no_signal_is_lost_or_doubled_by_kill_9(make_server: Callable[..., LiveServer]) -> None:
    seed = random.randrange(10_000)
    chance = random.Random(seed)
    server = make_server(REPLAY_INTERVAL="0.05", BAR_BROADCASTER_ENABLED="false").start()
    ann, bob = server.register("ann"), server.register("bob")
    formula = ann.post("/formulas/", {"name": "Often", "formula_code": OFTEN})["id"]
    bob.post("/subscriptions/", {"formula_id": formula})
    for symbol in ("IBM", "AAPL", "MSFT", "GOOG"):
        ann.post("/deployments/", {"formula_id": formula, "symbol": symbol, "resolution": "1D"})
    for _ in range(3):
        time.sleep(chance.uniform(0.8, 2.0))
        server.kill()
        server.start()
    counted = settled(server)
    assert len(counted["signals"]) > 20, f"seed {seed}: too few signals to mean anything"
    assert counted["told"] == counted["signals"], f"seed {seed}"
    assert counted["doubled"] == 0
    assert counted["gapless"]
    listed = server.sign_in("bob").get("/notifications/", type="trade_signal")["total"]
    assert listed >= counted["streams"][f"formula:{formula}"] > 20


def settled(server: LiveServer) -> dict[str, Any]:
    """The tables once the server has swept what the kills left, and been stopped so that they stand still."""
    time.sleep(8)
    assert server.stop() == 0
    counted: dict[str, Any] = server.shell(COUNT)
    server.start()
    return counted


def test_a_stop_is_clean_and_tells_the_sockets_to_come_back(make_server: Callable[..., LiveServer]) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    server = make_server().start()
    bob = server.register("bob")
    with connect(f"{server.sockets}/ws/notifications?token={bob.token}") as socket:
        socket.send("ping")
        socket.recv(timeout=10)
        assert server.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4012
    assert "Traceback" not in server.log.read_text()
