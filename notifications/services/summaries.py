"""Telling how much was held back of a stream that told too much in a short time."""

from django.db import transaction

from kernel import clock
from notifications.models import HeldBack, Notification, Stream
from notifications.services.log import create_notification
from notifications.services.told import MINUTE

MOST_STREAMS = 100


def tell_held_back() -> int:
    """Give each stream that has held something back for a minute one summary of it; how many streams."""
    waiting = HeldBack.objects.filter(summary__isnull=True, created_at__lt=clock.now() - MINUTE)
    streams = waiting.order_by().values_list("stream_id", flat=True).distinct()[:MOST_STREAMS]
    return sum(summarize_held_back(stream_id=pk) is not None for pk in list(streams))


@transaction.atomic
def summarize_held_back(*, stream_id: int) -> Notification | None:
    """Tell the stream how much was held back of it; none where somebody else was faster."""
    stream = Stream.objects.select_for_update(no_key=True).get(pk=stream_id)
    held = list(stream.held_back.filter(summary__isnull=True).order_by("pk").values_list("pk", flat=True))
    if not held:
        return None
    summary = create_notification(
        stream_name=stream.name,
        dedup_key=f"held-back:{held[-1]}",
        type="signal_summary",
        title=f"{len(held)} more signal{'' if len(held) == 1 else 's'}",
        message="They came within a minute of many others and are not told one by one. The formula's list has them.",
        source="formula",
        data={"formula_id": int(stream.name.partition(":")[2]), "count": len(held)},
    )
    HeldBack.objects.filter(pk__in=held).update(summary=summary)
    return summary
