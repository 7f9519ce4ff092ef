"""From the module to an object file of machine code, and from that to functions that Python can call."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm

SPEED_LEVEL = 2
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
    """An object file for any processor of this machine's kind, from the text of a module.

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


def _prepare() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _target() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(opt=SPEED_LEVEL, reloc="pic", codemodel="small")
