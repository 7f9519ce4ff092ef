"""Bars in the binary form of PostgreSQL's COPY, made column by column: a twentieth of the price of writing text."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datafeed.bars import BarColumns, Floats
from datafeed.models import DIGITS, PLACES

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension of the header
_END = b"\xff\xff"
_LONG = 8  # bytes of a whole number
_STEP = 10_000  # what a numeric counts in: each of its digits is four of ours
_WHOLE, _PARTS = (DIGITS - PLACES) // 4, PLACES // 4
_NUMBER = 2 * (4 + _WHOLE + _PARTS)  # bytes of a numeric: four words about it, then its digits
_NEGATIVE = 0x4000
_FIELDS = 7
_SURE = 15  # digits that a float always keeps
_EXACT = 10.0 ** (_SURE - PLACES)

Rows = NDArray[Any]


def copied(series_id: int, bars: BarColumns) -> bytes:
    """`bars` as COPY reads `series_id, opened_at, open, high, low, close, volume`, numbers to `PLACES` places.

    Every number must be finite and of at most `DIGITS - PLACES` digits before the point.
    """
    rows = np.zeros(len(bars), _layout())
    rows["fields"] = _FIELDS
    rows["series"]["length"], rows["series"]["value"] = _LONG, series_id
    rows["time"]["length"], rows["time"]["value"] = _LONG, bars.time
    for place, column in enumerate(bars.values):
        _write(rows[f"number{place}"], column)
    return b"".join((_SIGNATURE, rows.tobytes(), _END))


@cache
def _layout() -> "np.dtype[Any]":
    whole = np.dtype([("length", ">i4"), ("value", ">i8")])
    number = np.dtype([("length", ">i4"), ("about", ">i2", (4,)), ("digits", ">i2", (_WHOLE + _PARTS,))])
    numbers = [(f"number{place}", number) for place in range(_FIELDS - 2)]
    return np.dtype([("fields", ">i2"), ("series", whole), ("time", whole), *numbers])


def _write(rows: Rows, column: Floats) -> None:
    """Write `column` with as many digits for each row; PostgreSQL drops the noughts at both ends."""
    rows["length"] = _NUMBER
    # How many digits, the power of the first, the sign, and the decimal places.
    rows["about"] = (_WHOLE + _PARTS, _WHOLE - 1, 0, PLACES)
    rows["about"][:, 2] = np.where(column < 0, _NEGATIVE, 0)
    size = np.abs(column)
    before = np.floor(size)
    after = _after_point(size, before)
    carry = after == 10**PLACES
    _spread(rows["digits"], before.astype(np.int64) + carry, last=_WHOLE - 1)
    _spread(rows["digits"], np.where(carry, 0, after), last=_WHOLE + _PARTS - 1)


def _after_point(size: Floats, before: Floats) -> NDArray[np.int64]:
    """What stands after the point in `size`, in units of the last place; `before` is what stands before it."""
    part = size - before
    after = np.rint(part * 10**PLACES)
    large = size >= _EXACT
    if large.any():
        # A float of so many digits has fewer that mean anything: 99999999.9 is not 99999999.90000001.
        scale = 10.0 ** np.clip(_SURE - np.ceil(np.log10(size[large])), 0, PLACES)
        fewer = np.rint(part[large] * scale)
        is_same = before[large] + fewer / scale == size[large]
        after[large] = np.where(is_same, np.rint(fewer * (10**PLACES / scale)), after[large])
    whole: NDArray[np.int64] = after.astype(np.int64)
    return whole


def _spread(digits: Rows, numbers: NDArray[np.int64], *, last: int) -> None:
    """Put the digits of `numbers` at `last` and before it, as many as there are."""
    while numbers.any():
        rest = numbers // _STEP
        digits[:, last] = numbers - rest * _STEP
        numbers, last = rest, last - 1
