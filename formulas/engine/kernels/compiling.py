"""Makes the machine code and keeps it."""

from __future__ import annotations

from formulas.engine.kernels import store
from formulas.engine.kernels.machine_code import object_code
from formulas.engine.kernels.module import source_of_all


def compile_and_save() -> bytes:
    """Machine code for this machine, kept where it can be."""
    code = object_code(str(source_of_all()))
    store.save(code)
    return code
