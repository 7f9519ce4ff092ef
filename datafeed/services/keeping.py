"""How long bars are kept, and where PostgreSQL keeps them: a partition for each year, made before it begins."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from datafeed.models import Bar, BarRevision, Gap, Series
from datafeed.services.editions import note_rewritten
from kernel import clock

AT_ONCE = 50_000
_TABLE = Bar._meta.db_table
_LATER = f"{_TABLE}_later"
_CAME_EARLY = f"{_TABLE}_early"


def forget_old_bars() -> int:
    """Delete bars that are older than `BARS_KEPT` says of their resolution; how many they were.

    A series that is no longer whole is not filled up again: the gaps and revisions of that time go with the bars.
    """
    ends = {name: int((clock.now() - timedelta(days=days)).timestamp()) for name, days in settings.BARS_KEPT.items()}
    forgotten = _empty_old_partitions(ends)
    for resolution, until in ends.items():
        for series in Series.objects.filter(resolution=resolution):
            while count := _forget_some(series, until):
                forgotten += count
    return forgotten


@transaction.atomic
def remove_bars(*, bars: QuerySet[Bar]) -> int:
    """Delete `bars` with what was said of them afterwards, as if they had never come; how many they were."""
    removed = 0
    for series_id in sorted(set(bars.order_by().values_list("series_id", flat=True))):
        Series.objects.select_for_update().get(pk=series_id)
        note_rewritten(series_id=series_id)
        mine = bars.filter(series=series_id).order_by()
        BarRevision.objects.filter(series=series_id, opened_at__in=mine.values("opened_at")).delete()
        removed += mine.delete()[0]
    return removed


def _empty_old_partitions(ends: dict[str, int]) -> int:
    """Empty at once what has nothing but bars from before the `ends` of their resolutions; how many they were.

    The partition stays, so that every bar has its place. What others keep locked is left to be deleted row by row.
    """
    forgotten = 0
    for name, until in [*_partitions(), *_chunks()]:
        old = [resolution for resolution, end in ends.items() if end >= until]
        with suppress(OperationalError):
            forgotten += _empty_partition(name, until, old) if old else 0
    return forgotten


@transaction.atomic
def _empty_partition(name: str, until: int, resolutions: list[str]) -> int:
    """Empty the partition before `until` if it has bars, and those of series of `resolutions` alone."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name})")  # noqa: S608  a name of our own
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        # Rows of series before the partition, as whoever writes bars does.
        mine = {series.pk for series in Series.objects.select_for_update().filter(resolution__in=resolutions)}
        cursor.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"SELECT series_id, count(*) FROM {name} GROUP BY series_id")  # noqa: S608
        counts = dict(cursor.fetchall())
        if not mine.issuperset(counts):
            return 0
        for series_id in counts:
            note_rewritten(series_id=series_id)
        Gap.objects.filter(series__in=counts, until__lte=until).delete()
        BarRevision.objects.filter(series__in=counts, opened_at__lt=until).delete()
        cursor.execute(f"TRUNCATE {name}")
    return sum(counts.values())


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

    Bars that came before their partition was made move into it. Nothing to do where bars are not divided by year: on
    SQLite, and where TimescaleDB divides them.
    """
    begins = _later_begins()
    if begins is None or begins.year > clock.now().year + 1:
        return []
    made: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {_TABLE} DETACH PARTITION {_LATER}")
        cursor.execute(f"ALTER TABLE {_LATER} RENAME TO {_CAME_EARLY}")
        for year in range(begins.year, clock.now().year + 2):
            since, until = (int(datetime(one, 1, 1, tzinfo=UTC).timestamp()) for one in (year, year + 1))
            made.append(f"{_TABLE}_{year}")
            cursor.execute(f"CREATE TABLE {made[-1]} PARTITION OF {_TABLE} FOR VALUES FROM ({since}) TO ({until})")
        cursor.execute(f"CREATE TABLE {_LATER} PARTITION OF {_TABLE} FOR VALUES FROM ({until}) TO (MAXVALUE)")
        cursor.execute(f"INSERT INTO {_TABLE} SELECT * FROM {_CAME_EARLY}")  # noqa: S608  names of our own
        cursor.execute(f"DROP TABLE {_CAME_EARLY}")
    return made


def _later_begins() -> datetime | None:
    """Where the partition for what comes later begins; none where there is none."""
    ends = [until for _, until in _partitions()]
    return datetime.fromtimestamp(max(ends), tz=UTC) if ends else None


def _partitions() -> list[tuple[str, int]]:
    """The partitions that end some day, oldest first, and when: epoch seconds UTC; none where bars are not divided."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent = to_regclass(%s) AND relispartition",
            [_TABLE],
        )
        # FOR VALUES FROM ('1861920000') TO ('1893456000')
        found = [(name, bounds.rpartition("TO (")[2].strip("')")) for name, bounds in cursor.fetchall()]
    return sorted(((name, int(end)) for name, end in found if end.isdecimal()), key=lambda one: one[1])


def _chunks() -> list[tuple[str, int]]:
    """The same of TimescaleDB."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('timescaledb_information.chunks') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(
            "SELECT format('%%I.%%I', chunk_schema, chunk_name), range_end_integer FROM timescaledb_information.chunks "
            "WHERE hypertable_name = %s ORDER BY range_end_integer",
            [_TABLE],
        )
        return [(name, int(end)) for name, end in cursor.fetchall()]
