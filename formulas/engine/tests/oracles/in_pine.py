"""Runs where PyneCore is: the values of Pine expressions at every bar."""

import json
import math
import sys
import tempfile
from pathlib import Path

from pynecore.core.script_runner import ScriptRunner
from pynecore.core.syminfo import SymInfo
from pynecore.types.na import NA
from pynecore.types.ohlcv import OHLCV

HEAD = '''"""
@pyne
"""
from pynecore.lib import bar_index, close, high, hl2, hlc3, low, math, na, nz, ohlc4, open, volume
from pynecore.lib import plot, script, ta, time


@script.indicator("Oracle")
def main():
'''


def main() -> None:
    question = json.load(sys.stdin)
    lines = [HEAD]
    for number, (statement, outputs) in enumerate(question["plots"]):
        names = [f"v{number}_{place}" for place in range(len(outputs))]
        lines.append(f"    {', '.join(names)} = {statement}\n")
        lines += [f"    plot({name}, {title!r})\n" for name, title in zip(names, outputs, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "oracle_script.py"
        path.write_text("".join(lines), encoding="utf-8")
        json.dump(run(path, question["bars"], question["period"]), sys.stdout)


def run(path: Path, rows: list, period: str) -> dict:
    symbol = SymInfo(
        prefix="X", description="", ticker="X", currency="USD", period=period, type="crypto", mintick=1e-9,
        pricescale=10**9, pointvalue=1.0, mincontract=1e-9, opening_hours=[], session_starts=[], session_ends=[],
        timezone="UTC",
    )  # fmt: skip
    bars = [OHLCV(int(row[0]) * 1000, *row[1:]) for row in rows]
    runner = ScriptRunner(path, bars, symbol, lossless_prices=True, lossless_volume=True)
    found: dict = {}
    for _, plotted in runner.run_iter():
        for title, value in plotted.items():
            is_known = not isinstance(value, NA) and value is not None and math.isfinite(value)
            found.setdefault(title, []).append(float(value) if is_known else None)
    return found


if __name__ == "__main__":
    main()
