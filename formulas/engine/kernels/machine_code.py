"""From the module to an object file of machine code, and from that to functions that Python can call."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import llvmlite.binding as llvm

SPEED_LEVEL = 2
# What is used of a processor beyond its kind, where it has it: registers for four numbers. None of these instructions
# joins a product and a sum, as others do that round once for both.
WIDER = "avx2"
WHOLE, NUMBER, ROWS = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class Library:
    """Code in memory; it lives as long as this does. Calls release Python's lock."""

    def __init__(self, code: bytes) -> None:
        _prepare()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def function(self, name: str, result: Any, *kinds: Any) -> Any:
        """A function by its name, with the kinds of its result and its arguments."""
        return ctypes.CFUNCTYPE(result, *kinds)(self._engine.get_function_address(name))


def object_code(source: str) -> bytes:
    """An object file for processors that are like this machine's, by kind and `features`, from the text of a module.

    The code has no leave to contract or reorder floating point arithmetic, so its bits are those of the source.
    """
    _prepare()
    module = llvm.parse_assembly(source)
    module.verify()
    target = _target()
    passes = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=SPEED_LEVEL))
    passes.getModulePassManager().run(module, passes)
    code: bytes = target.emit_object(module)
    return code


@cache
def features() -> str:
    """What code may use of this machine's processor beyond its kind, as LLVM spells it."""
    return f"+{WIDER}" if llvm.get_host_cpu_features().get(WIDER) else ""


def _prepare() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _target() -> Any:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(features=features(), opt=SPEED_LEVEL, reloc="pic", codemodel="small")
