"""Bars as a file that is sent piece by piece."""

import re
from collections.abc import Iterator
from uuid import UUID

from django.core.files.storage import default_storage

from datafeed.files import FORMATS, pieces_of
from datafeed.models import Instrument
from datafeed.selectors import bar_blocks
from datafeed.services.exporting import EXPORT_JOB
from kernel.api.streams import PiecewiseResponse
from kernel.errors import NotFound
from kernel.models import Job, JobStatus
from kernel.permissions import Person

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]")


def file_response(
    instrument: Instrument, resolution: str, *, since: int | None = None, until: int | None = None, format: str = "csv"
) -> PiecewiseResponse:
    """Closed bars with `since <= opened_at < until` (epoch seconds UTC) as a file; raises `ResolutionNotServed`."""
    pieces = pieces_of(bar_blocks(instrument, resolution, since=since, until=until), format)
    return _response(pieces, instrument.symbol, resolution, format)


def exported_response(user: Person, job_id: UUID) -> PiecewiseResponse:
    """The file of an export that `user` may see; raises `NotFound` before it is written and once it is gone."""
    done = Job.objects.visible_to(user).filter(pk=job_id, kind=EXPORT_JOB, status=JobStatus.SUCCEEDED).first()
    if done is None or not done.result or not default_storage.exists(done.result["stored_as"]):
        raise NotFound
    told = done.result
    return _response(_pieces_in(told["stored_as"]), told["symbol"], told["resolution"], told["format"])


def _pieces_in(stored_as: str) -> Iterator[bytes]:
    with default_storage.open(stored_as) as file:
        yield from file.chunks()


def _response(pieces: Iterator[bytes], symbol: str, resolution: str, format: str) -> PiecewiseResponse:
    name = f"{_NOT_IN_NAMES.sub('_', symbol)}-{resolution}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return PiecewiseResponse(pieces, content_type=FORMATS[format], headers=headers)
