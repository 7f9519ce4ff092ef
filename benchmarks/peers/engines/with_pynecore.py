"""PyneCore: its runner over a script of its own kind, which Pine's code is translated to."""

from pathlib import Path
from typing import Any

from pynecore.core.script_runner import ScriptRunner
from pynecore.core.syminfo import SymInfo
from pynecore.types.ohlcv import OHLCV

from benchmarks.peers.engines.worker import Columns, Thunk

SCRIPT = Path(__file__).with_name("pynecore_cross.py")


def backtest(market: Columns) -> Thunk:
    columns = [market[name].tolist() for name in ("time", "open", "high", "low", "close", "volume")]
    rows = [OHLCV(time * 1000, *rest) for time, *rest in zip(*columns, strict=True)]
    return lambda: _run(rows)


def symbol(period: str = "1") -> SymInfo:
    """An instrument that trades without end."""
    return SymInfo(
        prefix="BENCH", description="", ticker="BENCH", currency="USD", period=period, type="crypto", mintick=1e-8,
        pricescale=10**8, pointvalue=1.0, mincontract=1e-8, opening_hours=[], session_starts=[], session_ends=[],
        timezone="UTC",
    )  # fmt: skip


def _run(rows: list[OHLCV]) -> dict[str, Any]:
    runner = ScriptRunner(SCRIPT, rows, symbol(), lossless_prices=True, lossless_volume=True)
    trades = 0
    for _, _, closed in runner.run_iter(copy_results=False):
        trades += len(closed)
    return {"trades": trades, "final": float(runner.script.position.equity)}
