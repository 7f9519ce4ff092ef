"""Kill -9 in the middle of live evaluation: the signal log is that of a run that nothing disturbed."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.server import START_WITHIN, LiveServer

pytestmark = pytest.mark.live

# Enough of them, on every instrument of the replay, that a server at this pace is always in the middle of one.
KINDS = [
    "if close > open: buy()\nif close < open: sell()",
    "if crossover(close, sma(close, {n})): buy()\nif crossunder(close, sma(close, {n})): sell()",
    "if close > ema(close, {n}): buy(size=0.5)\nelif rsi(close, {n}) > 50: short()\nelse: close()\nstop_loss(pct=2)",
    "w = tf('1w', ema(close, {n}))\nif close > w: buy()\nelse: sell()",
    "if position == 0 and close > sma(close, {n}): buy()\nif bars_held > {n}: close()\nif rsi < 40: alert({n})",
]
SOURCES = [kind.replace("{n}", str(length)) for length in (3, 5, 8) for kind in KINDS]

POPULATE = f"""
import json
from accounts.services import register_user
from datafeed.selectors import find_instrument
from formulas.services import create_formula, deploy_formula
author = register_user(username="ann", email="ann@example.com", password="correct horse battery")
made = 0
for number, code in enumerate({SOURCES!r}):
    formula = create_formula(author=author, name=f"Formula {{number}}", formula_code=code)
    for symbol in ("IBM", "AAPL", "MSFT", "GOOG"):
        deploy_formula(formula=formula, instrument=find_instrument(symbol), resolution="1D")
        made += 1
print(json.dumps(made))
"""

# What each formula gives over the stored bars by the other driver, the one for history, beside what was raised.
COMPARE = """
import json
from datafeed.selectors import read_bars
from formulas import engine
from formulas.models import Deployment, Signal
kept = {}
def bars_of(deployment):
    key = deployment.instrument_id, deployment.warm_from
    if key not in kept:
        found = read_bars(deployment.instrument, "1D", since=deployment.warm_from)
        kept[key] = engine.Bars(*(getattr(found, name) for name in ("time", "open", "high", "low", "close", "volume")))
    return kept[key]
different, signals = [], 0
for deployment in Deployment.objects.filter(status="running").select_related("version", "instrument"):
    bars = bars_of(deployment)
    decisions = engine.run_history(engine.compile_formula(deployment.version.code), bars)
    wanted = [
        [d.time, d.side, d.action, d.price, list(d.why)] for d in decisions
        if d.side and deployment.live_after < d.time <= deployment.evaluated_through
    ]
    rows = Signal.objects.filter(deployment=deployment).order_by("bar_time", "pk")
    raised = [[s.bar_time, s.side, s.action, float(s.price), s.reason] for s in rows]
    signals += len(raised)
    if raised != wanted:
        different.append([deployment.pk, len(raised), len(wanted)])
print(json.dumps({"different": different, "signals": signals}))
"""


def test_signals_after_kills_are_those_of_a_run_that_nothing_disturbed(
    make_server: Callable[..., LiveServer],
) -> None:
    seed = random.randrange(10_000)
    chance = random.Random(seed)
    server = make_server(REPLAY_INTERVAL="0.05", BAR_BROADCASTER_ENABLED="false").start()
    assert server.shell(POPULATE) == 4 * len(SOURCES)
    for _ in range(4):
        wait_for_signals(server)
        time.sleep(chance.uniform(0.0, 0.5))
        server.kill()
        server.start()
    wait_for_signals(server)
    server.kill()
    found: dict[str, Any] = server.shell(COMPARE)
    assert found["different"] == [], f"seed {seed}"
    assert found["signals"] > 16 * len(SOURCES), f"seed {seed}: too few signals to mean anything"


def wait_for_signals(server: LiveServer) -> None:
    """Until the server raises more of them than it had."""
    ann = server.sign_in("ann")
    until, before = time.monotonic() + START_WITHIN, ann.get("/signals", size=1)["total"]
    while ann.get("/signals", size=1)["total"] < before + 4 * len(SOURCES):
        assert time.monotonic() < until, server.log.read_text()
        time.sleep(0.05)
