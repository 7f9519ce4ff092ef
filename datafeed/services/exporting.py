"""Files of bars that take a job to write, and the end of those that nobody needs any longer."""

import tempfile
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, BinaryIO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from datafeed.bars import BarColumns
from datafeed.files import pieces_of
from datafeed.selectors import bar_blocks, find_instrument
from kernel import clock
from kernel.jobs import JobRun, enqueue, job
from kernel.models import Job

EXPORT_JOB = "datafeed.export"
KEPT = {"imports": timedelta(days=7), "exports": timedelta(days=1)}
"""How long a file may lie there: a job that has not begun by then is lost."""


@transaction.atomic
def enqueue_export(
    *, owner: Any, symbol: str, resolution: str, since: int | None, until: int | None, format: str
) -> Job:
    """Have closed bars with `since <= opened_at < until` (epoch seconds UTC) written to a file.

    The job's result says where it is put by (`stored_as`), how many `bars` and `bytes` it has, and what they are.
    """
    return enqueue(
        kind=EXPORT_JOB, owner=owner, symbol=symbol, resolution=resolution, since=since, until=until, format=format
    )


@job(EXPORT_JOB)
def run_export(
    run: JobRun, *, symbol: str, resolution: str, since: int | None, until: int | None, format: str
) -> dict[str, Any]:
    """Write the file; what an earlier attempt left is swept away later."""
    blocks = bar_blocks(find_instrument(symbol), resolution, since=since, until=until)
    with tempfile.TemporaryFile() as file:
        count = _write(run, blocks, until, format, file)
        size = file.tell()
        file.seek(0)
        name = default_storage.save(f"exports/{uuid.uuid4().hex}", File(file))
    facts = {"symbol": symbol, "resolution": resolution, "format": format}
    return {"stored_as": name, "bars": count, "bytes": size, **facts}


def _write(run: JobRun, blocks: Iterator[BarColumns], until: int | None, format: str, file: BinaryIO) -> int:
    """Write `blocks` and tell how far in time they have come; how many bars they were."""
    end = min(until or 2**62, int(clock.now().timestamp()))
    first, count = 0, 0

    def told() -> Iterator[BarColumns]:
        nonlocal first, count
        for bars in blocks:
            first = first or int(bars.time[0])
            count += len(bars)
            share = (int(bars.time[-1]) - first) / max(1, end - first)
            run.progress(min(0.99, share), f"{count} bars")
            yield bars

    file.writelines(pieces_of(told(), format))
    return count


def forget_old_files() -> int:
    """Delete files that were put by for a job and are too old to be asked for; how many they were."""
    forgotten = 0
    for folder, kept in KEPT.items():
        for name in _names_in(folder):
            path = f"{folder}/{name}"
            if default_storage.get_modified_time(path) < clock.now() - kept:
                default_storage.delete(path)
                forgotten += 1
    return forgotten


def _names_in(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []
