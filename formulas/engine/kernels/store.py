"""Where compiled code is kept, under a name that changes with whatever it was made from."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path

import llvmlite

from formulas.engine.kernels.machine_code import features

ENGINE = Path(__file__).parent.parent
MADE_FROM = ("steps/*.py", "kernels/*.py", "operations.py")
DIGEST_BYTES = 32


@cache
def name() -> str:
    """A file name for this code, this compiler and this kind of machine."""
    made_from = hashlib.sha256(f"{llvmlite.__version__} {machine()}".encode())
    for pattern in MADE_FROM:
        for path in sorted(ENGINE.glob(pattern)):
            made_from.update(path.read_bytes())
    return f"{made_from.hexdigest()[:32]}.o"


def machine() -> str:
    """The kind of machine that code is for."""
    return f"{sys.platform} {platform.machine()} {features()}"


def folders() -> list[Path]:
    """Where code may be kept, best first: with the Python environment, with the platform's data, with the user."""
    found = [Path(sys.prefix, "var", "kernels")] if sys.prefix != sys.base_prefix else []
    for variable, below in (("DATA_DIR", "kernels"), ("XDG_CACHE_HOME", "signalbox"), ("HOME", ".cache/signalbox")):
        if folder := os.environ.get(variable):
            found.append(Path(folder, below))
    return found


def load() -> bytes | None:
    """The code that is kept; None when there is none, or it is damaged."""
    for folder in folders():
        try:
            kept = (folder / name()).read_bytes()
        except OSError:
            continue
        code, digest = kept[:-DIGEST_BYTES], kept[-DIGEST_BYTES:]
        if hashlib.sha256(code).digest() == digest:
            return code
    return None


def save(code: bytes) -> Path | None:
    """Keep the code in the first folder that takes it, and drop what older versions left there; None if none does.

    A reader sees the whole file or none, so that processes which compile at the same time do not disturb each other.
    """
    for folder in folders():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(code + hashlib.sha256(code).digest())
            Path(file.name).replace(folder / name())
        except OSError:
            continue
        for old in folder.glob("*.o"):
            if old.name != name():
                old.unlink(missing_ok=True)
        return folder / name()
    return None
