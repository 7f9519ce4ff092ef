"""What formulas do when something happens below them."""

from datafeed.events import BarClosed
from formulas import live
from formulas.events import SignalRaised
from formulas.messages import SIGNALS_TOPIC, SignalCreated, SignalPayload
from kernel import clock
from kernel.realtime import push


def evaluate_formulas(event: BarClosed) -> None:
    """Run every deployment on the series whose bar has closed."""
    live.evaluate(event.instrument_id, event.resolution)


def push_signal(event: SignalRaised) -> None:
    """Show the signal on the sockets that listen to it."""
    payload = SignalPayload(
        id=event.signal_id,
        formula_id=event.formula_id,
        formula_name=event.formula_name,
        symbol=event.symbol,
        resolution=event.resolution,
        side=event.side,
        price=event.price,
        bar_time=clock.isoformat(clock.from_epoch(event.bar_time)),
        reason=event.reason,
    )
    push(
        SIGNALS_TOPIC.format(event.formula_id),
        SignalCreated(payload=payload, event_id=f"signal-{event.signal_id}"),
    )
