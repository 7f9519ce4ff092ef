"""Live evaluation without sockets: what one closed bar costs the engine, and the platform around it."""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalbox.settings")

import numpy as np

from benchmarks.crossings import sources
from benchmarks.report import Row, machine, measured, save, show
from formulas.engine import Bar, Merged, compile_formula

DAY, FIRST_DAY = 86_400, 978_307_200
WARM, FEW, MANY = 610, 1_000, 10_000
MOST_GROWTH = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bars", type=int, default=10, help="closed bars in each round (10)")
    wanted = parser.parse_args()
    print(machine())
    rows = [engine_alone(wanted.rounds, wanted.bars)]
    with tempfile.TemporaryDirectory() as folder:
        found, notes = platform(Path(folder), wanted.rounds, wanted.bars)
    show([*rows, *found], notes)
    save([*rows, *found])


def walk(count: int) -> list[Bar]:
    """Daily bars of a seeded walk."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, count)))
    opening = np.concatenate(([100.0], close[:-1]))
    columns = [opening, np.maximum(opening, close), np.minimum(opening, close), close]
    prices = [np.round(column, 4).tolist() for column in columns]
    return [Bar(FIRST_DAY + DAY * day, *values, 1000.0) for day, values in enumerate(zip(*prices, strict=True))]


def engine_alone(rounds: int, bars: int) -> Row:
    """One closed bar for ten thousand different formulas on one instrument, up to which conditions hold."""
    merged: Merged[int] = Merged()
    market = walk(WARM + rounds * bars)
    merged.join({number: compile_formula(source) for number, source in enumerate(sources(MANY))}, market[:WARM])
    coming = iter(market[WARM:])
    milliseconds = [1000 * _cpu_of_each(bars, lambda: merged.advance(next(coming))) for _ in range(rounds)]
    return measured(f"one closed bar, {MANY:,} formulas, engine only", milliseconds, "ms", floor=1.0, goal=0.2)


def _cpu_of_each(times: int, work: Any) -> float:
    """The median CPU seconds of some calls."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def platform(folder: Path, rounds: int, bars: int) -> tuple[list[Row], list[str]]:
    """One closed bar from the store to the signals in their table, on a database of its own in `folder`."""
    with _database(folder):
        few, signals_of_few = _evaluations(FEW, rounds, bars)
        many, signals_of_many = _evaluations(MANY, rounds, bars)
    growth = [one / other for one, other in zip(many, few, strict=True)]
    return [
        measured(f"one closed bar evaluated and written, {FEW:,} deployments", few, "ms CPU", floor=50, goal=10),
        measured(f"one closed bar evaluated and written, {MANY:,} deployments", many, "ms CPU", floor=600, goal=100),
        measured(f"CPU of {MANY:,} deployments beside {FEW:,}", growth, "times", floor=MOST_GROWTH, goal=10),
    ], [
        f"deployments: different crossings on one instrument, {signals_of_few:.0f} and {signals_of_many:.0f} signals a "
        f"bar; SQLite; what a signal sets off (notifications, sockets) is left out",
    ]


@contextmanager
def _database(folder: Path) -> Iterator[None]:
    os.environ |= {"ENV_FILE": "", "DATA_DIR": str(folder), "DATABASE_URL": "", "REDIS_URL": ""}
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from django.db import connections

    from formulas.events import SignalRaised
    from kernel.events import handlers_of

    handlers_of(SignalRaised).clear()
    try:
        yield
    finally:
        connections.close_all()


def _evaluations(deployments: int, rounds: int, bars: int) -> tuple[list[float], float]:
    """CPU milliseconds of a bar, the median of each round, and how many signals a bar raised."""
    from datafeed.models import Bar as StoredBar
    from formulas import live
    from formulas.models import Signal

    market = walk(WARM + 1 + rounds * bars)
    series = _market(f"B{deployments}", market[:WARM])
    _deploy(series.instrument, sources(deployments), market[WARM - 1].time)
    coming = iter(market[WARM:])

    def store() -> None:
        bar = next(coming)
        prices = {name: Decimal(str(getattr(bar, name))) for name in ("open", "high", "low", "close", "volume")}
        StoredBar.objects.create(series=series, opened_at=bar.time, **prices)

    def evaluate() -> float:
        store()
        began = time.process_time()
        live.evaluate(series.instrument_id, "1D")
        return 1000 * (time.process_time() - began)

    evaluate()
    before = Signal.objects.count()
    milliseconds = [statistics.median(evaluate() for _ in range(bars)) for _ in range(rounds)]
    return milliseconds, (Signal.objects.count() - before) / (rounds * bars)


def _market(symbol: str, bars: list[Bar]) -> Any:
    from datafeed.models import Bar as StoredBar
    from datafeed.models import Instrument, Series

    instrument = Instrument.objects.create(
        symbol=symbol, name=symbol, exchange="NYSE", session="24x7", timezone="Etc/UTC"
    )
    series = Series.objects.create(instrument=instrument, resolution="1D", provider="import")
    columns = ("open", "high", "low", "close", "volume")
    StoredBar.objects.bulk_create(
        StoredBar(series=series, opened_at=bar.time, **{name: Decimal(str(getattr(bar, name))) for name in columns})
        for bar in bars
    )
    return series


def _deploy(instrument: Any, codes: list[str], through: int) -> None:
    """Running deployments, written straight into their tables: what is measured begins after that."""
    from django.contrib.auth import get_user_model

    from formulas.models import Deployment, Formula, FormulaVersion

    people = get_user_model().objects
    author, _ = people.get_or_create(username="bench", defaults={"email": "bench@example.com"})
    formulas = Formula.objects.bulk_create(Formula(author=author, name=f"Formula {n}") for n in range(len(codes)))
    versions = FormulaVersion.objects.bulk_create(
        FormulaVersion(formula=formula, number=1, code=code) for formula, code in zip(formulas, codes, strict=True)
    )
    Deployment.objects.bulk_create(
        Deployment(
            formula=version.formula,
            version=version,
            instrument=instrument,
            resolution="1D",
            warm_from=FIRST_DAY,
            evaluated_through=through,
            live_after=through,
        )
        for version in versions
    )


if __name__ == "__main__":
    main()
