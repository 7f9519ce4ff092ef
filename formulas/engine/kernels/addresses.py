"""Where the numbers of arrays are in memory, for code that is given addresses."""

from __future__ import annotations

from ctypes import addressof, c_char
from typing import Any

import numpy as np
from numpy.typing import NDArray


def address(array: NDArray[Any]) -> int:
    """Where the numbers of a contiguous array begin; the caller keeps the array as long as it is used."""
    buffer: Any = array
    try:
        return addressof(c_char.from_buffer(buffer))
    except (TypeError, ValueError):
        # Numpy's own way takes longer, and is the one for an array that is empty or may not be written.
        data: int = array.__array_interface__["data"][0]
        return data


def addresses(table: NDArray[Any]) -> NDArray[np.int64]:
    """Where each row of a contiguous table begins."""
    return address(table) + table.strides[0] * np.arange(len(table), dtype=np.int64)
