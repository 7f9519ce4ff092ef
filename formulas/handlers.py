"""What formulas do when something happens below them."""

from typing import Any

from datafeed.events import BarClosed, GapFilled
from formulas import live
from formulas.events import SignalRaised
from formulas.messages import SIGNALS_TOPIC, SignalCreated, SignalPayload
from formulas.models import Review, Subscription
from formulas.services import count_anew
from kernel import clock
from kernel.realtime import push


def evaluate_formulas(event: BarClosed) -> None:
    """Run every deployment on the series whose bar has closed."""
    live.evaluate(event.instrument_id, event.resolution)


def go_on_after_gap(event: GapFilled) -> None:
    """Run the deployments that waited for bars that were missing."""
    live.evaluate_all(instrument_id=event.instrument_id)


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


def count_without(sender: Any, instance: Subscription | Review, **rest: Any) -> None:
    """Count a formula's followers and reviews anew when one of them goes, and be it with the person."""
    count_anew(instance.formula_id)
