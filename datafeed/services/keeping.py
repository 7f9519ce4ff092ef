"""How long bars are kept, and where PostgreSQL keeps them: a partition for each year, made before it begins."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from datafeed.models import Bar, BarRevision, Gap, Series
from datafeed.services.editions import note_rewritten
from kernel import clock

AT_ONCE = 50_000
_TABLE = Bar._meta.db_table
_LATER = f"{_TABLE}_later"


def forget_old_bars() -> int:
    """Delete bars that are older than `BARS_KEPT` says of their resolution; how many they were.

    A series that is no longer whole is not filled up again: the gaps and revisions of that time go with the bars.
    """
    forgotten = 0
    for resolution, days in settings.BARS_KEPT.items():
        until = int((clock.now() - timedelta(days=days)).timestamp())
        for series in Series.objects.filter(resolution=resolution):
            while count := _forget_some(series, until):
                forgotten += count
    return forgotten


@transaction.atomic
def _forget_some(series: Series, until: int) -> int:
    """Delete the oldest bars before `until` (epoch seconds UTC), not too many at once."""
    old = Bar.objects.filter(series=series, opened_at__lt=until).order_by("opened_at")
    times = list(old.values_list("opened_at", flat=True)[:AT_ONCE])
    if not times:
        return 0
    Series.objects.select_for_update().get(pk=series.pk)
    note_rewritten(series_id=series.pk)
    Gap.objects.filter(series=series, until__lte=times[-1] + 1).delete()
    BarRevision.objects.filter(series=series, opened_at__lte=times[-1]).delete()
    return Bar.objects.filter(series=series, opened_at__lte=times[-1])._raw_delete(old.db)


@transaction.atomic
def make_partitions() -> list[str]:
    """See that the bars of this year and the next have a partition each; the names of new ones.

    Nothing to do where bars are not divided by year: on SQLite, and where TimescaleDB divides them.
    """
    made: list[str] = []
    with connection.cursor() as cursor:
        while (begins := _later_begins()) is not None and begins.year <= clock.now().year + 1:
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {_LATER})")  # noqa: S608  a name of our own
            if cursor.fetchone()[0]:
                break  # bars from the future, which stay where they are
            since, until = (int(moment.timestamp()) for moment in (begins, begins.replace(year=begins.year + 1)))
            made.append(f"{_TABLE}_{begins.year}")
            cursor.execute(f"DROP TABLE {_LATER}")
            cursor.execute(f"CREATE TABLE {made[-1]} PARTITION OF {_TABLE} FOR VALUES FROM ({since}) TO ({until})")
            cursor.execute(f"CREATE TABLE {_LATER} PARTITION OF {_TABLE} FOR VALUES FROM ({until}) TO (MAXVALUE)")
    return made


def _later_begins() -> datetime | None:
    """Where the partition for what comes later begins; none where there is none."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = to_regclass(%s)", [_LATER])
        row = cursor.fetchone()
    # FOR VALUES FROM ('1861920000') TO (MAXVALUE)
    return None if row is None or row[0] is None else datetime.fromtimestamp(int(row[0].split("'")[1]), tz=UTC)
