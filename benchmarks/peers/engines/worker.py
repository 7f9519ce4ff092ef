"""One engine in a process of its own: reads pieces of work as lines of JSON and says what each took."""

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Columns = dict[str, np.ndarray]
Thunk = Callable[[], Any]


def main() -> None:
    """Each piece of work names a function of the engine's module, which makes ready what is then measured."""
    engine = importlib.import_module(sys.argv[1])
    ready: dict[str, Thunk] = {}
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        if line not in ready:
            wanted = json.loads(line)
            make: Callable[..., Thunk] = getattr(engine, wanted.pop("work"))
            ready[line] = make(read(Path(wanted.pop("market"))), **wanted)
        print(json.dumps(taken(ready[line])), file=answers, flush=True)


def read(path: Path) -> Columns | list[Columns]:
    """The columns of one instrument, or of each of several: time (s), open, high, low, close, volume."""
    with np.load(path) as kept:
        tables = dict(kept)
    if tables["close"].ndim == 1:
        return tables
    count = len(tables["close"])
    return [{name: np.ascontiguousarray(table[i]) for name, table in tables.items()} for i in range(count)]


def taken(work: Thunk) -> dict[str, Any]:
    """CPU seconds of all threads, the most memory the process ever held in MB, and what the work found."""
    began = time.process_time()
    found = work()
    seconds = time.process_time() - began
    return {"cpu": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "found": found}


if __name__ == "__main__":
    main()
