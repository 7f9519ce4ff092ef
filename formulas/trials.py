"""How much somebody has tried on the same bars: the more it was, the less the best of it means, and what it cost."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Sum

from formulas.errors import TooMuchWork
from formulas.models import Backtest, Simulation, Trial
from kernel import clock

MOST_TRIED = 5_000
ROWS_AT_ONCE = 10  # each may hold a number for every point of a sweep
MOST_WORK_A_DAY = 1_000_000_000_000  # bars times calculations: a hundred of the largest sweeps
DAY = timedelta(days=1)


def note(row: Simulation, sharpes: Sequence[float | None], work: int) -> None:
    """Write down what the owner of `row` has seen of it and what it cost; once, however often its job is tried."""
    of = "backtest" if isinstance(row, Backtest) else "sweep"
    own: dict[str, Any] = {of: row}
    bars = {"owner_id": row.owner_id, "instrument_id": row.instrument_id, "resolution": row.resolution}
    Trial.objects.update_or_create(**own, defaults={**bars, "sharpes": list(sharpes), "work": work})


def check_day(owner: Any) -> None:
    """Raise `TooMuchWork` where this person has had as much calculated within a day as anybody may."""
    recent = Trial.objects.filter(owner=owner, created_at__gt=clock.now() - DAY)
    if (recent.aggregate(work=Sum("work"))["work"] or 0) < MOST_WORK_A_DAY:
        return
    oldest = recent.earliest("created_at").created_at
    raise TooMuchWork(Retry_After=str(max(1, math.ceil((oldest + DAY - clock.now()).total_seconds()))))


def tried_by(row: Simulation) -> list[float]:
    """The yearly Sharpe ratios of all that the owner of `row` has tried before on its instrument and resolution.

    Every point of a sweep counts as one, and what was forgotten since counts on; one that does not vary counts as 0.
    """
    of = "backtest" if isinstance(row, Backtest) else "sweep"
    same = Trial.objects.filter(owner_id=row.owner_id, instrument_id=row.instrument_id, resolution=row.resolution)
    # Not `exclude`, which would pass over those whose own row is gone.
    others = (trial for trial in same.iterator(chunk_size=ROWS_AT_ONCE) if getattr(trial, f"{of}_id") != row.pk)
    found: list[float] = []
    for trial in others:
        found += [value if isinstance(value, float) and math.isfinite(value) else 0.0 for value in trial.sharpes]
        if len(found) >= MOST_TRIED:
            break
    return found[:MOST_TRIED]
