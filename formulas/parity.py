"""Parity certificates: what ran live is replayed over the stored bars and compared signal by signal.

Signals are linked by hashes in the order they were raised, soon after. One that is changed, added or taken away later
breaks the chain or differs from the replay. Of the bars digests are kept: one that is changed after it was certified
shows as such, whether it decides anything or not.
"""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F, Q, QuerySet

from datafeed.models import Gap
from datafeed.resolutions import seconds
from datafeed.selectors import BarColumns, read_bars, source_of
from formulas import engine
from formulas.backtests import check_waiting
from formulas.engine.chain import first_hash, linked
from formulas.engine.records import EXACT, certify
from formulas.errors import RecordTooLarge
from formulas.models import Certificate, CertificateStatus, Deployment, Signal
from formulas.services.compiling import compile_code
from kernel import clock, jobs
from kernel.errors import DomainError
from kernel.models import Job, JobStatus

PARITY_JOB = "formulas.parity"
# A certificate replays everything from the start: not with every bar.
CHECK_AGAIN_AFTER = timedelta(hours=1)
MOST_BARS = 200_000
BLOCK_BARS = 256
DIGEST_CHARACTERS = 32  # 128 bits
AT_ONCE = 500
DUE_AT_ONCE = 200
Entry = dict[str, Any]


@transaction.atomic
def sealed(deployment: Deployment) -> tuple[Deployment, dict[str, Any]]:
    """The deployment and its record, as they are at one moment: what is raised or sealed meanwhile is in neither.

    Signals raised since the last time are linked to those before, in the order they were raised.
    """
    deployment = (
        Deployment.objects.select_for_update(of=("self",)).select_related("version", "instrument").get(pk=deployment.pk)
    )
    new = list(deployment.signals.filter(hash="").order_by("bar_time", "pk"))
    head = deployment.head or first_hash(_header(deployment))
    for signal in new:
        signal.hash = head = linked(head, entry_of(signal))
    Signal.objects.bulk_update(new, ["hash"], batch_size=AT_ONCE)
    deployment.head, deployment.sealed_signals = head, deployment.sealed_signals + len(new)
    Deployment.objects.filter(pk=deployment.pk).update(head=head, sealed_signals=deployment.sealed_signals)
    return deployment, record_of(deployment)


def _header(deployment: Deployment) -> Entry:
    return {"version_hash": compile_code(deployment.version.code, deployment.parameters).version_hash}


def entry_of(signal: Signal) -> Entry:
    """A signal as it is linked and compared, in plain numbers."""
    return {
        "time": signal.bar_time,
        "side": signal.side,
        "action": signal.action,
        "size": float(signal.strength or 0),
        "price": float(signal.price),
    }


def record_of(deployment: Deployment) -> dict[str, Any]:
    """What a deployment is certified by, but for its bars; the engine's `certify` reads it as it is."""
    signals = [
        {**entry_of(signal), "hash": signal.hash}
        for signal in deployment.signals.exclude(hash="").order_by("bar_time", "pk")
    ]
    return {
        "deployment_id": deployment.pk,
        "symbol": deployment.instrument.symbol,
        "resolution": deployment.resolution,
        "formula": deployment.version.code,
        "parameters": deployment.parameters,
        **_header(deployment),
        "since": 0 if deployment.live_after is None else deployment.live_after + 1,
        "skipped": deployment.skipped,
        "head": deployment.head,
        "signals": signals,
    }


def export_of(deployment: Deployment) -> dict[str, Any]:
    """The record with the bars it rests on, for anybody to certify; raises `RecordTooLarge`."""
    deployment, record = sealed(deployment)
    bars = _bars_of(deployment, last=MOST_BARS + 1)
    if len(bars) > MOST_BARS:
        raise RecordTooLarge
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return {**record, "bars": rows}


def _bars_of(deployment: Deployment, last: int | None = None) -> BarColumns:
    """The bars its state was made of, up to the last one it has acted on; the newest `last` of them."""
    if deployment.evaluated_through is None:
        return BarColumns.empty()
    until = deployment.evaluated_through + 1
    return read_bars(deployment.instrument, deployment.resolution, since=deployment.warm_from, until=until, last=last)


def check_deployment(deployment: Deployment) -> Certificate:
    """Replay a deployment, and keep whether its signals are those, or the first that is not.

    Where another check has come further meanwhile, its certificate stands.
    """
    before = Certificate.objects.filter(deployment=deployment).first()
    digests = before.bars if before else {}
    try:
        deployment, record = sealed(deployment)
        stored = _bars_of(deployment)
        difference = first_changed(deployment, digests, stored)
        if difference is None:
            digests = _digests(deployment, stored)
            difference = _difference(deployment, record, stored)
    except (DomainError, ValueError) as error:
        difference = _first(None, None, "formula", None, str(error)[:200])
    return _keep(deployment, digests, difference)


@transaction.atomic
def _keep(deployment: Deployment, digests: Entry, difference: Entry | None) -> Certificate:
    Deployment.objects.select_for_update().get(pk=deployment.pk)
    known = Certificate.objects.filter(deployment=deployment).first()
    if known and (known.through or 0) > (deployment.evaluated_through or 0):
        return known
    return Certificate.objects.update_or_create(
        deployment=deployment,
        defaults={
            "status": CertificateStatus.DIFFERS if difference else CertificateStatus.EXACT,
            "through": deployment.evaluated_through,
            "first_difference": difference,
            "bars": digests,
            "checked_at": clock.now(),
        },
    )[0]


def _digests(deployment: Deployment, stored: BarColumns) -> Entry:
    """What shows later whether one of these bars was changed; nothing where there are none."""
    if not len(stored):
        return {}
    blocks = [[start, digest] for start, digest in _blocks(deployment, stored).items()]
    return {"at": clock.now().timestamp(), "through": deployment.evaluated_through, "blocks": blocks}


def _blocks(deployment: Deployment, stored: BarColumns) -> dict[int, str]:
    """The digest of each stretch of bars, by its start; a stretch is as long as `BLOCK_BARS` bars are."""
    length = _block_seconds(deployment)
    numbers, firsts = np.unique(stored.time // length, return_index=True)
    parts = [stored.cut(start, stop) for start, stop in pairwise([*firsts.tolist(), len(stored)])]
    return {number * length: _digest(part) for number, part in zip(numbers.tolist(), parts, strict=True)}


def _digest(bars: BarColumns) -> str:
    text = b"".join(column.tobytes() for column in (bars.time, *bars.values))
    return sha256(text).hexdigest()[:DIGEST_CHARACTERS]


def _block_seconds(deployment: Deployment) -> int:
    return BLOCK_BARS * seconds(deployment.resolution)


def first_changed(deployment: Deployment, digests: Entry, stored: BarColumns) -> Entry | None:
    """The first stretch in which a bar is not what it was at the last check; none where all are.

    A stretch with a gap that its provider has filled since is as it should be.
    """
    if not digests:
        return None
    now = _blocks(deployment, stored.between(None, digests["through"] + 1))
    before = dict(digests["blocks"])
    for start in sorted(now.keys() | before.keys()):
        was, is_now = before.get(start), now.get(start)
        if was != is_now and not _was_filled(deployment, start, digests["at"]):
            inside = stored.between(start, start + _block_seconds(deployment)).time
            return _first(None, int(inside[0]) if inside.size else start, "bars", was, is_now)
    return None


def _was_filled(deployment: Deployment, start: int, at: float) -> bool:
    _, series = source_of(deployment.instrument, deployment.resolution)
    until = start + _block_seconds(deployment)
    filled = Gap.objects.filter(series=series, filled_at__gte=clock.from_epoch(int(at)))
    return filled.filter(since__lt=until, until__gt=start).exists()


def _difference(deployment: Deployment, record: dict[str, Any], stored: BarColumns) -> Entry | None:
    """The first difference to the replay; else the first fault of the chain; else none."""
    found = certify(record, engine.Bars(stored.time, *stored.values))
    if found != EXACT:
        return _named(found)
    count = len(record["signals"])
    return None if count == deployment.sealed_signals else _first(count, None, "head", deployment.head, None)


def _named(found: dict[str, Any]) -> Entry:
    """What the engine found: of a signal the field that differs, or that of the two which stands alone at its bar."""
    place, bar_time, field = found["signal"], found["bar_time"], found["field"]
    expected, recorded = found["expected"], found["recorded"]
    if field == "signal":
        expected, recorded = (one if one and one["time"] == bar_time else None for one in (expected, recorded))
    elif field not in ("hash", "head"):
        expected, recorded = expected[field], recorded[field]
    return _first(place, bar_time, field, expected, recorded)


def _first(signal: int | None, bar_time: int | None, field: str, expected: Any, recorded: Any) -> Entry:
    return {"signal": signal, "bar_time": bar_time, "field": field, "expected": expected, "recorded": recorded}


def start_checking(*, owner: Any = None, deployments: QuerySet[Deployment]) -> Job:
    """Enqueue the job that certifies these deployments; raises `TooManyBacktests` where somebody asks too often."""
    if owner is not None:
        check_waiting(owner)
    return _enqueue(owner, list(deployments.order_by("pk").values_list("pk", flat=True)))


def _enqueue(owner: Any, ids: Sequence[int]) -> Job:
    return jobs.enqueue(kind=PARITY_JOB, owner=owner, deployment_ids=ids)


def start_checking_due() -> Job | None:
    """Enqueue the job that certifies what is due; none where nothing is, or one is at it.

    It is of some at a time, those that waited longest: what else waits for the same lane gets its turn in between.
    """
    unfinished = (JobStatus.QUEUED, JobStatus.RUNNING)
    if Job.objects.filter(kind=PARITY_JOB, owner=None, status__in=unfinished).exists():
        return None
    longest = due_deployments().order_by(F("certificate__checked_at").asc(nulls_first=True), "pk")
    ids = list(longest.values_list("pk", flat=True)[:DUE_AT_ONCE])
    return _enqueue(None, ids) if ids else None


def due_deployments() -> QuerySet[Deployment]:
    """Those that were never certified, and those that have gone on since, a while ago."""
    moved = ~Q(certificate__through=F("evaluated_through")) & Q(
        certificate__checked_at__lt=clock.now() - CHECK_AGAIN_AFTER
    )
    begun = Deployment.objects.filter(is_warming=False).exclude(evaluated_through=None)
    return begun.filter(Q(certificate=None) | moved)


@jobs.job(PARITY_JOB, is_long=True)
def certify_deployments(run: jobs.JobRun, *, deployment_ids: Sequence[int]) -> dict[str, Any]:
    """Certify each deployment; those deleted meanwhile are passed over."""
    rows = Deployment.objects.filter(pk__in=deployment_ids).select_related("version", "instrument").order_by("pk")
    exact = 0
    for place, deployment in enumerate(rows):
        run.progress(place / len(deployment_ids), deployment.instrument.symbol)
        exact += check_deployment(deployment).status == CertificateStatus.EXACT
    return {"checked": len(rows), "exact": exact}
