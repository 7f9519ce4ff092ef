"""Exported records, checked by anybody: do a deployment's signals follow from its bars, and a score from its days."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from formulas.engine.bars import Bars
from formulas.engine.chain import first_broken, first_hash
from formulas.engine.compiler import compile_formula
from formulas.engine.decisions import Decision
from formulas.engine.history import run_history
from formulas.engine.program import Program
from formulas.engine.score import Day, Score, performance_score

EXACT = {"parity": "exact"}
SAID = ("time", "side", "size")
SAID_BESIDE = ("action", "price")
PLACES = {"size": 4, "price": 8}  # what signals and prices are kept to
MOST_EXPOSED = 10


class RecordError(ValueError):
    """A record cannot be read, or was changed after it was written."""


def certify(record: Mapping[str, Any], bars: Bars) -> dict[str, Any]:
    """Whether the signals of a deployment are those that its formula gives over its bars; else the first difference.

    The record holds `formula`, `parameters` and `version_hash`, and `signals` of `{time, side, size}` with the start
    of the bar in epoch seconds; `action` and `price`, the bar's close, are compared where signals have them. Signals
    before `since` were not raised, and those after the first and up to the second time of each pair in `skipped`
    (null: for good) need not have been. Sizes are compared to four places. When signals have a `hash` the chain that
    begins at `version_hash` is checked as well, up to the `head` where the record has one.

    A difference has `signal` (its place), `bar_time`, `field`, `expected` and `recorded`. `field` is `signal` where
    one is missing or too many, `hash` or `head` where all signals are right and the chain is not. Raises FormulaError
    or RecordError.
    """
    program = compile_formula(str(record.get("formula", "")), record.get("parameters") or None)
    if record.get("version_hash") not in (None, program.version_hash):
        expected, found = {"version_hash": program.version_hash}, {"version_hash": record["version_hash"]}
        return _different(None, None, "version_hash", expected, found)
    signals = _entries(record, "signals", SAID)
    return _first_unlike(record, program, bars, signals) or _broken(record, program, signals) or dict(EXACT)


def _first_unlike(
    record: Mapping[str, Any], program: Program, bars: Bars, signals: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    names = [*SAID, *(name for name in SAID_BESIDE if signals and all(name in signal for signal in signals))]
    recorded = [{name: _comparable(name, signal[name]) for name in names} for signal in signals]
    decided = [_said(decision, names) for decision in _asked_for(record, run_history(program, bars), signals)]
    for place in range(max(len(decided), len(recorded))):
        expected = decided[place] if place < len(decided) else None
        found = recorded[place] if place < len(recorded) else None
        if expected != found:
            return _different(place, *_where(expected, found), expected, found)
    return None


def _where(expected: Mapping[str, Any] | None, recorded: Mapping[str, Any] | None) -> tuple[Any, str]:
    """The start of the bar at which the two differ, and the field; `signal` where only one of them is there."""
    if expected is None or recorded is None:
        return (expected or recorded or {}).get("time"), "signal"
    field = next(name for name in expected if expected[name] != recorded[name])
    if field != "time":
        return expected["time"], field
    is_number = isinstance(recorded["time"], int | float)
    return (min(expected["time"], recorded["time"]) if is_number else expected["time"]), "signal"


def _broken(record: Mapping[str, Any], program: Program, signals: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The first fault of the chain of hashes, where the record has one."""
    head = record.get("head")
    if head is None and not any("hash" in signal for signal in signals):
        return None
    header = {"version_hash": program.version_hash}
    place = first_broken(header, signals)
    if place is not None:
        return _different(place, signals[place]["time"], "hash", None, signals[place].get("hash"))
    last = _last_hash(header, signals)
    return None if head in (None, last) else _different(len(signals), None, "head", head, last)


def score_of(record: Mapping[str, Any]) -> Score:
    """The score of a live record, whose chain of days is checked first. Raises RecordError.

    The record holds `version_hash`, `published_at` in epoch seconds, `versions`, and `days` of `{day, net_return,
    exposure, market_return, closed_trades, hash}`, linked from `{version_hash, published_at}` on, up to the `head`
    where the record has one. A day begins at `day`, in epoch seconds, and counts only when that is not before the
    publication.
    """
    published = _number(record, "published_at")
    days = _entries(record, "days", ("day", "net_return", "exposure", "market_return", "closed_trades", "hash"))
    header = {"version_hash": record.get("version_hash"), "published_at": record["published_at"]}
    _check_chain(header, days, record.get("head"))
    starts = [_number(day, "day") for day in days]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise RecordError("the days are not in order")
    counted = [_day(day) for day, start in zip(days, starts, strict=True) if start >= published]
    return performance_score(counted, int(_number(record, "versions")))


def _day(entry: Mapping[str, Any]) -> Day:
    net, exposure, market = (_number(entry, name) for name in ("net_return", "exposure", "market_return"))
    if net <= -1.0 or abs(exposure) > MOST_EXPOSED:
        raise RecordError(f"a day loses less than everything and is exposed to at most {MOST_EXPOSED} times its equity")
    return Day(net, exposure, market, int(_number(entry, "closed_trades")))


def _asked_for(
    record: Mapping[str, Any], decisions: Sequence[Decision], signals: Sequence[Mapping[str, Any]]
) -> list[Decision]:
    """The decisions that there must be a signal of, and those of skipped bars that there is one of all the same."""
    since = 0.0 if record.get("since") is None else _number(record, "since")
    skipped = _periods(record)
    raised = {str((signal["time"], signal["side"])) for signal in signals}  # what is recorded can be anything
    return [
        one
        for one in decisions
        if one.side
        and one.time >= since
        and (str((one.time, one.side)) in raised or not any(after < one.time <= through for after, through in skipped))
    ]


def _periods(record: Mapping[str, Any]) -> list[tuple[float, float]]:
    periods = record.get("skipped") or []
    try:
        ends = [(-math.inf if a is None else float(a), math.inf if b is None else float(b)) for a, b in periods]
    except (TypeError, ValueError, OverflowError):
        raise RecordError("skipped must be a list of pairs of times") from None
    return ends


def _said(decision: Decision, names: Sequence[str]) -> dict[str, Any]:
    return {name: _comparable(name, getattr(decision, name)) for name in names}


def _comparable(name: str, value: Any) -> Any:
    places = PLACES.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return round(value, places) if places is not None and is_number else value


def _different(place: int | None, bar_time: Any, field: str, expected: Any, recorded: Any) -> dict[str, Any]:
    found = {"signal": place, "bar_time": bar_time, "field": field, "expected": expected, "recorded": recorded}
    return {"parity": "different", **found}


def _entries(record: Mapping[str, Any], field: str, names: Sequence[str]) -> list[dict[str, Any]]:
    entries = record.get(field)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RecordError(f"{field} must be a list of objects")
    if any(name not in entry for entry in entries for name in names):
        raise RecordError(f"each of {field} holds {', '.join(names)}")
    return entries


def _check_chain(header: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], head: Any) -> None:
    place = first_broken(header, entries)
    if place is not None:
        raise RecordError(f"the chain of hashes is broken at entry {place}")
    if head not in (None, _last_hash(header, entries)):
        raise RecordError("the chain of hashes does not end at the head of the record: days are missing or too many")


def _last_hash(header: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Any:
    return entries[-1]["hash"] if entries else first_hash(header)


def _number(holder: Mapping[str, Any], name: str) -> float:
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise RecordError(f"{name} must be a number")
    return float(value)
