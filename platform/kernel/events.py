"""Events go up: the lower app publishes what happened and does not know who listens."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, TypeVar

import msgspec
from django.db import transaction

from kernel import clock
from kernel.models import PendingEvent

logger = logging.getLogger(__name__)

E = TypeVar("E", bound="Event")
Handler = Callable[[E], object]

FIRST_RETRY = timedelta(seconds=5)
MOST_ATTEMPTS = 8


class Event:
    """What happened: subclass as a frozen dataclass of plain values (ids, decimals, times), in the past tense.

    A `durable` event is also a row, written in the transaction that publishes it and deleted when every handler
    has succeeded; a sweep runs what a crash or a failure left behind. Handlers are therefore safe to run twice.
    """

    durable: ClassVar[bool] = False


_handlers: dict[type[Event], list[Handler[Any]]] = {}
_by_name: dict[str, type[Event]] = {}


def on(event_type: type[E], *handlers: Handler[E]) -> None:
    """Run `handlers`, in this order, after every published `event_type`. Called by the wiring page alone."""
    registered = _handlers.setdefault(event_type, [])
    registered.extend(handler for handler in handlers if handler not in registered)
    _by_name[event_type.__qualname__] = event_type


def handlers_of(event_type: type[Event]) -> list[Handler[Any]]:
    return _handlers.get(event_type, [])


def publish(event: Event) -> None:
    """Hand `event` to its handlers once the current transaction has committed (at once where there is none)."""
    handlers = handlers_of(type(event))
    if not handlers:
        return
    pending = None
    if event.durable:
        pending = PendingEvent.objects.create(
            name=type(event).__qualname__,
            payload=msgspec.to_builtins(event),
            handlers=[_name(handler) for handler in handlers],
            run_after=clock.now() + FIRST_RETRY,
        )
    transaction.on_commit(partial(_deliver, event, handlers, pending), robust=True)


def retry_pending(limit: int = 200) -> int:
    """Run the handlers that a crash or a failure left undone; the number of events tried.

    A row is claimed by moving its `run_after` on, so two sweeps never run the same one at once.
    """
    now = clock.now()
    due = PendingEvent.objects.filter(run_after__lte=now, is_dead=False).order_by("pk")[:limit]
    return sum(_retry(pending) for pending in due)


def _retry(pending: PendingEvent) -> bool:
    delay = FIRST_RETRY * 2**pending.attempts
    claimed = PendingEvent.objects.filter(pk=pending.pk, attempts=pending.attempts).update(
        run_after=clock.now() + delay, attempts=pending.attempts + 1
    )
    if not claimed:
        return False
    pending.attempts += 1
    event_type = _by_name.get(pending.name)
    if event_type is None:
        _bury(pending, f"no event is called {pending.name}")
        return True
    event = msgspec.convert(pending.payload, event_type, strict=False)
    handlers = [handler for handler in handlers_of(event_type) if _name(handler) in pending.handlers]
    _deliver(event, handlers, pending)
    return True


def _deliver(event: Event, handlers: list[Handler[Any]], pending: PendingEvent | None) -> None:
    failed: dict[str, str] = {}
    for handler in handlers:
        try:
            handler(event)
        except Exception as error:
            logger.exception("handler %s failed on %r", _name(handler), event)
            failed[_name(handler)] = repr(error)
    if pending is None:
        return
    if not failed:
        PendingEvent.objects.filter(pk=pending.pk).delete()
    elif pending.attempts >= MOST_ATTEMPTS:
        _bury(pending, "; ".join(failed.values()), list(failed))
    else:
        PendingEvent.objects.filter(pk=pending.pk).update(handlers=list(failed), last_error=str(failed)[:2000])


def _bury(pending: PendingEvent, reason: str, handlers: list[str] | None = None) -> None:
    """Put a poisoned event aside, where an operator finds it in the admin."""
    left = pending.handlers if handlers is None else handlers
    PendingEvent.objects.filter(pk=pending.pk).update(is_dead=True, last_error=reason[:2000], handlers=left)


def _name(handler: Handler[Any]) -> str:
    return f"{handler.__module__}.{handler.__qualname__}"
