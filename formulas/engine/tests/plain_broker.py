"""A backtest once more, as a plain loop over prices, for formulas without stops."""


def plain_backtest(bars, decisions, capital, fee, slip):
    """Equity by bar and (entry bar, exit bar, entry price, exit price, units, pnl, fees) of each closed trade."""
    wanted = {}
    for decision in decisions:
        wanted.setdefault(decision.bar_index, []).append((decision.action, decision.size))
    cash, units, entry, trades, equity = capital, 0.0, None, [], []
    for i in range(len(bars)):
        opening, close = float(bars.open[i]), float(bars.close[i])
        side = (units > 0) - (units < 0)
        before = side
        size = 0.0
        for action, share in wanted.get(i - 1, []):
            if action == "buy" and side <= 0 and share:
                side, size = 1, share
            elif action == "short" and side >= 0 and share:
                side, size = -1, share
            elif (action in ("sell", "close") and side > 0) or (action in ("cover", "close") and side < 0):
                side = 0
        if side != before:
            if units:
                price = opening * (1 - slip if units > 0 else 1 + slip)
                cost = abs(units) * price * fee
                cash += units * price - cost
                bar, at, paid = entry
                trades.append((bar, i, at, price, units, units * (price - at) - cost - paid, cost + paid))
                units = 0.0
            if side:
                price = opening * (1 + slip * side)
                notional = cash * size / (1 + fee)
                units = side * notional / price
                cash -= units * price + notional * fee
                entry = (i, price, notional * fee)
        equity.append(cash + units * close)
    return equity, trades
