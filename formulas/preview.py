"""What a formula would have said on the newest bars, kept nowhere: for an editor that draws it while it is written."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from datafeed.models import Instrument
from datafeed.resolutions import seconds
from datafeed.selectors import check_served, read_bars
from formulas import engine
from formulas.engine.history import run
from formulas.engine.program import Output
from formulas.engine.warmup import most_bars
from formulas.services import compile_code

MOST_BARS = 1_000
MOST_LINES = 8
WARM_BARS = 500  # run before the first one shown, so that what remembers for long has come near its own
# Somebody waits for it, and for plain Python: what takes longer to warm up is not drawn.
MOST_READ = 20_000
MOST_STEPS = 1_000_000


def preview(
    *,
    code: str,
    instrument: Instrument,
    resolution: str,
    bars: int,
    parameters: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The lines and signals of `code` over the newest `bars` closed bars.

    `{symbol, resolution, warmup_bars, bar_times, lines: [{name, values}], signals: [{bar_time, side, action, price,
    reason}]}`; times are openings in epoch seconds UTC, a line has a value for each bar, none where it is na. Lines are
    what the formula's conditions and levels are made of, at most `MOST_LINES`. Raises `FormulaSyntaxError`, and errors
    that name the resolution.
    """
    program = _with_lines(compile_code(code, parameters))
    name = check_served(instrument, resolution)
    most = min(MOST_READ, MOST_STEPS // len(program.nodes))
    stored = read_bars(instrument, name, last=min(most, bars + WARM_BARS + most_bars(program, seconds(name))))
    history = run(program, engine.Bars(stored.time, *stored.values), loads=False)
    first = max(0, len(stored) - bars)
    return {
        "symbol": instrument.symbol,
        "resolution": name,
        "warmup_bars": program.warmup_bars,
        "bar_times": stored.time[first:].tolist(),
        "lines": [
            {"name": output.name, "values": [_number(value) for value in history.outputs[output.name][first:].tolist()]}
            for output in program.outputs
        ],
        "signals": [
            _signal(decision) for decision in history.decisions if decision.side and decision.bar_index >= first
        ],
    }


def _with_lines(program: engine.Program) -> engine.Program:
    """The program with what is worth drawing as its outputs, by its own words."""
    nodes = dict.fromkeys(node for action in program.actions for node in (*action.reasons, _level(action)))
    drawn = [node for node in nodes if node >= 0 and _is_line(program, node)]
    outputs = {program.texts[node]: Output(program.texts[node], node) for node in drawn}
    return replace(program, outputs=tuple(outputs.values())[:MOST_LINES])


def _level(action: Any) -> int:
    """The node of an action's price; that of a distance in percent is no price."""
    return -1 if action.is_percent else int(action.level)


def _is_line(program: engine.Program, node: int) -> bool:
    """Whether a node is a number that was calculated, neither a condition nor a bar's own price."""
    return bool(program.nodes[node].inputs) and not program.conditions[node]


def _signal(decision: engine.Decision) -> dict[str, Any]:
    return {
        "bar_time": decision.time,
        "side": decision.side,
        "action": decision.action,
        "price": decision.price,
        "reason": list(decision.why),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
