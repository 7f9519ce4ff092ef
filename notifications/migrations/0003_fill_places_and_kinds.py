from django.db import migrations
from django.db.models import Count, F, Max, OuterRef, Subquery, Window
from django.db.models.functions import RowNumber

BATCH = 2_000


def place_states(apps, schema_editor):
    """Give each reading state the place of its notification."""
    states = apps.get_model("notifications", "ReadingState").objects
    rows = apps.get_model("notifications", "Notification").objects.filter(pk=OuterRef("notification_id"))
    states.update(stream_id=Subquery(rows.values("stream_id")), seq=Subquery(rows.values("seq")))


def number_kinds(apps, schema_editor):
    """Number the notifications of each stream by type and priority, and note which kinds there are."""
    notification, kind = apps.get_model("notifications", "Notification"), apps.get_model("notifications", "Kind")
    fields = ("stream_id", "type", "priority")
    number = Window(RowNumber(), partition_by=fields, order_by=F("seq").asc())
    changed = []
    for row in notification.objects.annotate(number=number).only("pk").iterator(BATCH):
        row.kind_seq = row.number
        changed.append(row)
        if len(changed) == BATCH:
            notification.objects.bulk_update(changed, ["kind_seq"])
            changed = []
    notification.objects.bulk_update(changed, ["kind_seq"], batch_size=BATCH)
    kinds = notification.objects.order_by().values_list(*fields).annotate(Count("pk"))
    kind.objects.bulk_create(kind(stream_id=stream, type=type, priority=priority) for stream, type, priority, _ in kinds)


def note_last_moments(apps, schema_editor):
    """Tell of each stream when its last notification was made."""
    notification, stream = apps.get_model("notifications", "Notification"), apps.get_model("notifications", "Stream")
    last = notification.objects.filter(stream_id=OuterRef("pk")).order_by().values("stream_id")
    stream.objects.update(told_at=Subquery(last.annotate(at=Max("created_at")).values("at")))


class Migration(migrations.Migration):

    dependencies = [
        ("notifications", "0002_places_marks_and_kinds"),
    ]

    operations = [
        migrations.RunPython(place_states, migrations.RunPython.noop),
        migrations.RunPython(number_kinds, migrations.RunPython.noop),
        migrations.RunPython(note_last_moments, migrations.RunPython.noop),
    ]
