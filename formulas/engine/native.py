"""Whether machine code does the work or plain Python, with the same bits either way."""

from __future__ import annotations

import logging
import os
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from formulas.engine.kernels.loading import Kernels

logger = logging.getLogger(__name__)

# Loading takes as long as plain Python needs for about this many steps.
WORTH_LOADING = 200_000
# What a request needs now and then is less than this, and is not added up.
WORTH_COUNTING = 10_000

_lock = threading.Lock()
_loaded: list[Kernels | None] = []  # None where it cannot be: that is tried once in a process
_done = [0]  # steps that were left to plain Python


def kernels_for(work: int) -> Kernels | None:
    """The machine code, unless plain Python is to do this many steps.

    SIGNALBOX_KERNELS is `off` for plain Python always, `on` for machine code always, and else as it takes less time:
    much work in small pieces is much work too.
    """
    wish = os.environ.get("SIGNALBOX_KERNELS", "")
    if wish == "off":
        return None
    if not _loaded and wish != "on":
        _done[0] += work if work >= WORTH_COUNTING else 0
        if _done[0] < WORTH_LOADING:
            return None
    return load_kernels()


def kernels_at_hand() -> Kernels | None:
    """The machine code where this process has it already, or is told to work with it."""
    wish = os.environ.get("SIGNALBOX_KERNELS", "")
    if wish == "on":
        return load_kernels()
    return _loaded[0] if _loaded and wish != "off" else None


def load_kernels() -> Kernels | None:
    """The machine code, compiled now if it never was; None where the compiler is not installed or does not work."""
    with _lock:
        if not _loaded:
            _loaded.append(_load())
    return _loaded[0]


def _load() -> Kernels | None:
    if find_spec("llvmlite") is None:
        return None
    try:
        found: Kernels = import_module("formulas.engine.kernels.loading").load()
    except (ImportError, OSError, RuntimeError, ValueError):
        # A compiler that does not fit, a disk, code that LLVM refuses: plain Python gives the same answers, only later.
        logger.exception("the machine code of the formula engine cannot be loaded, plain Python does its work")
        return None
    return found


def set_up() -> None:
    """Compile the machine code if it never was, and say how long that took."""
    if find_spec("llvmlite") is None or import_module("formulas.engine.kernels.store").load() is not None:
        return
    began = perf_counter()
    import_module("formulas.engine.kernels.compiling").compile_and_save()
    sys.stdout.write(f"Compiled the formula engine in {perf_counter() - began:.1f} s\n")
