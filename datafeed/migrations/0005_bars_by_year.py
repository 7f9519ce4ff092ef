"""On PostgreSQL bars are kept in a partition for each year; with TimescaleDB, in a hypertable. Elsewhere as before."""

from datetime import UTC, datetime

from django.db import migrations
from django.utils import timezone

FIRST_YEAR = 2000
PLAIN = """
    ALTER TABLE datafeed_bar RENAME TO datafeed_bar_plain;
    ALTER TABLE datafeed_bar_plain ALTER id DROP IDENTITY IF EXISTS;
    ALTER TABLE datafeed_bar_plain DROP CONSTRAINT one_bar_for_one_time;
    CREATE TABLE datafeed_bar (LIKE datafeed_bar_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
        PARTITION BY RANGE (opened_at);
    CREATE SEQUENCE datafeed_bar_number OWNED BY datafeed_bar.id;
    ALTER TABLE datafeed_bar ALTER id SET DEFAULT nextval('datafeed_bar_number');
    ALTER TABLE datafeed_bar ADD CONSTRAINT one_bar_for_one_time UNIQUE (series_id, opened_at);
    ALTER TABLE datafeed_bar ADD CONSTRAINT bar_of_a_series FOREIGN KEY (series_id)
        REFERENCES datafeed_series (id) DEFERRABLE INITIALLY DEFERRED;
    CREATE INDEX datafeed_bar_by_number ON datafeed_bar (id);
"""
MOVED = """
    INSERT INTO datafeed_bar SELECT * FROM datafeed_bar_plain;
    SELECT setval('datafeed_bar_number', greatest(1, (SELECT max(id) FROM datafeed_bar)));
    DROP TABLE datafeed_bar_plain;
"""
# Chunks of 30 days; a later migration makes those to come as long as a year.
HYPERTABLE = """
    ALTER TABLE datafeed_bar DROP CONSTRAINT datafeed_bar_pkey;
    CREATE INDEX datafeed_bar_by_number ON datafeed_bar (id);
    SELECT create_hypertable('datafeed_bar', 'opened_at', chunk_time_interval => 2592000, migrate_data => true);
"""


def divide(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        # What is deferred is checked now: a table with checks outstanding cannot be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
        if cursor.fetchone():
            cursor.execute(HYPERTABLE)
            return
        cursor.execute(PLAIN)
        for name, since, until in _ranges(timezone.now().year):
            cursor.execute(
                f"CREATE TABLE datafeed_bar_{name} PARTITION OF datafeed_bar FOR VALUES FROM ({since}) TO ({until})"
            )
        cursor.execute(MOVED)


def _ranges(year):
    """A partition for all that is old, one for each year up to the next, and one for what comes later."""
    begins = {one: int(datetime(one, 1, 1, tzinfo=UTC).timestamp()) for one in range(FIRST_YEAR, year + 3)}
    yield "before", "MINVALUE", begins[FIRST_YEAR]
    for one in range(FIRST_YEAR, year + 2):
        yield one, begins[one], begins[one + 1]
    yield "later", begins[year + 2], "MAXVALUE"


class Migration(migrations.Migration):
    dependencies = [("datafeed", "0004_accounts_of_providers")]

    # Going back leaves the partitions, which every earlier version reads and writes as well.
    operations = [migrations.RunPython(divide, migrations.RunPython.noop)]
