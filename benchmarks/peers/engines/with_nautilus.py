"""NautilusTrader's backtest engine with its own averages, as its quick start sets it up; one fixed quantity."""

from decimal import Decimal
from typing import Any

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from benchmarks.peers.engines.terms import FAST, SLOW
from benchmarks.peers.engines.worker import Columns, Thunk

INSTRUMENT = TestInstrumentProvider.btcusdt_binance()
BARS = BarType.from_str(f"{INSTRUMENT.id}-1-MINUTE-LAST-EXTERNAL")
SIZE = Decimal("1")


class Cross(Strategy):
    def __init__(self) -> None:
        super().__init__(StrategyConfig())
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        self.was_above: bool | None = None
        self.closed = 0

    def on_start(self) -> None:
        for average in (self.fast, self.slow):
            self.register_indicator_for_bars(BARS, average)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        is_above = self.fast.value > self.slow.value
        if self.was_above is not None and is_above != self.was_above:
            self._trade(is_above)
        self.was_above = is_above

    def _trade(self, is_above: bool) -> None:
        is_flat = self.portfolio.is_flat(INSTRUMENT.id)
        if is_above == is_flat:
            side = OrderSide.BUY if is_above else OrderSide.SELL
            self.submit_order(self.order_factory.market(INSTRUMENT.id, side, INSTRUMENT.make_qty(SIZE)))

    def on_position_closed(self, event: Any) -> None:
        self.closed += 1


def backtest(market: Columns) -> Thunk:
    table = pd.DataFrame({name: market[name] for name in ("open", "high", "low", "close", "volume")})
    table.index = pd.to_datetime(market["time"], unit="s", utc=True)
    bars = BarDataWrangler(BARS, INSTRUMENT).process(table)
    return lambda: _run(bars)


def _run(bars: list[Bar]) -> dict[str, Any]:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        Venue("BINANCE"), OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USDT), Money(10, BTC)]
    )  # fmt: skip
    engine.add_instrument(INSTRUMENT)
    engine.add_data(bars)
    strategy = Cross()
    engine.add_strategy(strategy)
    engine.run()
    found = {"trades": strategy.closed, "final": engine.get_result().total_positions}
    engine.dispose()
    return found
