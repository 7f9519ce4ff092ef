"""Events go up: the lower app publishes what happened and does not know who listens."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial, update_wrapper
from itertools import groupby
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from django.db import transaction

from kernel import clock
from kernel.bulk import insert_all
from kernel.models import PendingEvent

logger = logging.getLogger(__name__)

E = TypeVar("E", bound="Event")
Handler = Callable[[E], object]

FIRST_RETRY = timedelta(seconds=5)
MOST_ATTEMPTS = 8
# So many are done well before the sweep would take the first of them for left behind.
MOST_TOGETHER = 200


class Event:
    """What happened: subclass as a frozen dataclass of plain values (ids, decimals, times), in the past tense.

    A `durable` event is also a row, written in the transaction that publishes it and deleted when every handler
    has succeeded; a sweep runs what a crash or a failure left behind. Handlers are therefore safe to run twice.
    """

    durable: ClassVar[bool] = False


class Together(Generic[E]):
    """A handler that takes what was published together at once: `handler([event, …])`, and safe to run twice."""

    def __init__(self, handler: Callable[[Sequence[E]], object], *, is_within: bool = False) -> None:
        self.all, self.is_within = handler, is_within
        update_wrapper(self, handler)

    def __call__(self, event: E) -> object:
        return self.all([event])


def together(handler: Callable[[Sequence[E]], object]) -> Together[E]:
    """Let a handler take a list of events, so that many cost it little more than one.

    Where the list fails, it is given each of them alone, so that one bad event does not keep back the others.
    """
    return Together(handler)


def within(handler: Callable[[Sequence[E]], object]) -> Together[E]:
    """The same, in the transaction that publishes: what happened and what comes of it are one commit, or neither is.

    For handlers that only write. Where it fails, what it wrote is taken back, the transaction goes on, and it is tried
    again after the commit as any other.
    """
    return Together(handler, is_within=True)


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
    publish_many([event])


def publish_many(events: Sequence[Event]) -> None:
    """The same for several: each run of one type goes to its first handler, then all of it to the second."""
    for event_type, run in groupby(events, type):
        found = list(run)
        handlers = [handler for handler in handlers_of(event_type) if not _is_done_within(handler, found)]
        for start in range(0, len(found) if handlers else 0, MOST_TOGETHER):
            same = found[start : start + MOST_TOGETHER]
            pending = _written_down(same, handlers) if same[0].durable else []
            transaction.on_commit(partial(_deliver, same, handlers, pending), robust=True)


def _is_done_within(handler: Handler[Any], events: Sequence[Event]) -> bool:
    if not isinstance(handler, Together) or not handler.is_within:
        return False
    try:
        with transaction.atomic():
            handler.all(events)
    except Exception:  # the handler's own affair: what happened has happened all the same
        logger.exception("handler %s failed on %d events; trying after the commit", _name(handler), len(events))
        return False
    return True


def _written_down(events: Sequence[Event], handlers: list[Handler[Any]]) -> list[PendingEvent]:
    names, run_after = [_name(handler) for handler in handlers], clock.now() + FIRST_RETRY
    rows = [
        PendingEvent(
            name=type(event).__qualname__, payload=msgspec.to_builtins(event), handlers=names, run_after=run_after
        )
        for event in events
    ]
    insert_all(rows)
    return rows


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
    _deliver([event], handlers, [pending])
    return True


def _deliver(events: Sequence[Event], handlers: list[Handler[Any]], pending: Sequence[PendingEvent]) -> None:
    failed: list[dict[str, str]] = [{} for _ in events]
    for handler in handlers:
        _run(handler, events, failed)
    done = [row.pk for row, faults in zip(pending, failed, strict=False) if not faults]
    if done:
        PendingEvent.objects.filter(pk__in=done).delete()
    for row, faults in zip(pending, failed, strict=False):
        if faults:
            _note_failure(row, faults)


def _run(handler: Handler[Any], events: Sequence[Event], failed: list[dict[str, str]]) -> None:
    if isinstance(handler, Together) and len(events) > 1:
        try:
            handler.all(events)
            return
        except Exception:  # the handler's own affair: the others still run, and each event is tried alone
            logger.exception("handler %s failed on %d events; trying each alone", _name(handler), len(events))
    for event, faults in zip(events, failed, strict=True):
        try:
            handler(event)
        except Exception as error:  # kept in the event's row, tried again and at last put before an operator
            logger.exception("handler %s failed on %r", _name(handler), event)
            faults[_name(handler)] = repr(error)


def _note_failure(pending: PendingEvent, failed: dict[str, str]) -> None:
    if pending.attempts >= MOST_ATTEMPTS:
        _bury(pending, "; ".join(failed.values()), list(failed))
    else:
        PendingEvent.objects.filter(pk=pending.pk).update(handlers=list(failed), last_error=str(failed)[:2000])


def _bury(pending: PendingEvent, reason: str, handlers: list[str] | None = None) -> None:
    """Put a poisoned event aside, where an operator finds it in the admin."""
    left = pending.handlers if handlers is None else handlers
    PendingEvent.objects.filter(pk=pending.pk).update(is_dead=True, last_error=reason[:2000], handlers=left)


def _name(handler: Handler[Any]) -> str:
    return f"{handler.__module__}.{handler.__qualname__}"
