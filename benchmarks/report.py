"""Rows of a benchmark: a table for people, JSON for the check."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

RESULTS = Path(__file__).resolve().parents[1] / "var" / "bench" / "results.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the median of its rounds, their extremes, and what it is to reach.

    `floor` and `goal` are limits of `ours` where there is no peer, and of `ratio` where there is: upper ones where
    `less` is better. A row that stands beside another for its explanation has none.
    """

    row: str
    ours: float
    unit: str
    floor: float | None
    goal: float | None
    rounds: int
    spread: tuple[float, float]
    peer: str | None = None
    theirs: float | None = None
    ratio: float | None = None
    less: bool = True

    @property
    def is_reached(self) -> bool:
        figure = self.ours if self.ratio is None else self.ratio
        if self.floor is None:
            return True
        return figure <= self.floor if self.less else figure >= self.floor


def measured(row: str, values: Sequence[float], unit: str, *, floor: float, goal: float, less: bool = True) -> Row:
    """The row of a figure without a peer from its `values`, one for each round."""
    spread = (round(min(values), 3), round(max(values), 3))
    return Row(row, round(statistics.median(values), 3), unit, floor, goal, len(values), spread, less=less)


def compared(
    row: str,
    ours: Sequence[T],
    theirs: Sequence[T],
    unit: str,
    figure: Callable[[T], float],
    floor: float | None = None,
    goal: float | None = None,
    *,
    less: bool = False,
    peer: str = "FastAPI + uvicorn",
) -> Row:
    """The row of a figure beside the peer's, medians of their rounds.

    `floor` and `goal` are those of the ratio ours / theirs: least ones, or with `less` greatest ones.
    """
    values, others = [figure(one) for one in ours], [figure(one) for one in theirs]
    own, other = statistics.median(values), statistics.median(others)
    return Row(
        row,
        round(own, 3),
        unit,
        floor if floor is None else round(floor, 3),
        goal if goal is None else round(goal, 3),
        len(values),
        (round(min(values), 3), round(max(values), 3)),
        peer,
        round(other, 3),
        round(own / other, 3) if other else 0.0,
        less,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of `values` do not exceed; nothing is interpolated."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def machine() -> str:
    """The machine and the date, as the table is headed."""
    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    processor = names[0] if names else platform.processor() or platform.machine()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} x {processor} · {memory / 2**20:.0f} GB · "
        f"{platform.system()} {platform.release()} · Python {platform.python_version()} · load {load}"
    )


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def show(rows: Sequence[Row], notes: Sequence[str]) -> None:
    """Print the table and what it leaves out."""
    table = [("row", "ours", "theirs", "unit", "ratio", "spread", "rounds", "floor", "goal", "")]
    for row in rows:
        spread = f"{row.spread[0]:g}-{row.spread[1]:g}"
        verdict = "reached" if row.is_reached else "BELOW THE FLOOR"
        beside = ("", "") if row.ratio is None else (f"{row.theirs:g}", f"{row.ratio:g}")
        limits = ("", "", "")
        if row.floor is not None and row.goal is not None:
            limits = (f"{'≤' if row.less else '≥'} {row.floor:g}", f"{row.goal:g}", verdict)
        table.append((row.row, f"{row.ours:g}", beside[0], row.unit, beside[1], spread, str(row.rounds), *limits))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for note in notes:
        print(f"  · {note}")


def save(rows: Sequence[Row]) -> None:
    """Put `rows` in the place of those of the same name in the results."""
    names = {row.row for row in rows}
    others = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    kept = [other for other in others if other["row"] not in names]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([*kept, *map(asdict, rows)], indent=1) + "\n", encoding="utf-8")
