"""How much somebody has tried on the same bars: the more it was, the less the best of it means."""

import math

from formulas.models import Backtest, Simulation, Sweep

MOST_TRIED = 5_000
SWEEPS_AT_ONCE = 10  # each holds a number for every point


def tried_by(row: Simulation) -> list[float]:
    """The yearly Sharpe ratios of all that the owner of `row` has tried before on its instrument and resolution.

    Every point of a sweep counts as one; one that does not vary counts as 0.
    """
    same = {"owner_id": row.owner_id, "instrument_id": row.instrument_id, "resolution": row.resolution}
    alone, many = Backtest.objects.filter(**same).exclude(metrics=None), Sweep.objects.filter(**same)
    if isinstance(row, Backtest):
        alone = alone.exclude(pk=row.pk)
    else:
        many = many.exclude(pk=row.pk)
    found = list(alone.values_list("metrics__sharpe", flat=True)[:MOST_TRIED])
    swept = many.exclude(result=None).values_list("result__sharpes", flat=True)
    for sharpes in swept[:MOST_TRIED].iterator(chunk_size=SWEEPS_AT_ONCE):
        if len(found) >= MOST_TRIED:
            break
        found += sharpes or []
    return [value if isinstance(value, float) and math.isfinite(value) else 0.0 for value in found[:MOST_TRIED]]
