"""On PostgreSQL a series guards its bars with a trigger of its own, and numbers of bars have an index of summaries.

A foreign key of the bars is looked up for each bar that comes in, which costs more than writing it. Whoever writes bars
holds the lock of their series' row, so the key is asked for once in a block; what is left to the database is that no
series goes, or changes its number, while it has bars. Elsewhere the foreign key is cheap and stays.
"""

from django.db import migrations

WITHOUT_KEY = """
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT conname FROM pg_constraint
            WHERE conrelid = 'datafeed_bar'::regclass AND contype = 'f' AND conparentid = 0
        LOOP
            EXECUTE format('ALTER TABLE datafeed_bar DROP CONSTRAINT %I', name);
        END LOOP;
    END $$;
    CREATE OR REPLACE FUNCTION datafeed_series_keeps_its_bars() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM datafeed_bar WHERE series_id = OLD.id) THEN
            RAISE foreign_key_violation USING MESSAGE = format('series %s has bars', OLD.id);
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END $$;
    DROP TRIGGER IF EXISTS series_keeps_its_bars ON datafeed_series;
    DROP TRIGGER IF EXISTS series_keeps_its_number ON datafeed_series;
    CREATE TRIGGER series_keeps_its_bars BEFORE DELETE ON datafeed_series
        FOR EACH ROW EXECUTE FUNCTION datafeed_series_keeps_its_bars();
    CREATE TRIGGER series_keeps_its_number BEFORE UPDATE OF id ON datafeed_series
        FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION datafeed_series_keeps_its_bars();
"""
# A bar is asked for by its number on its own page of the panel alone. Numbers rise with the pages of the table, so a
# summary for each few pages finds one in a moment and costs nothing to keep.
SUMMARIES = """
    DROP INDEX IF EXISTS datafeed_bar_by_number;
    CREATE INDEX datafeed_bar_by_number ON datafeed_bar USING brin (id)
        WITH (pages_per_range = 32, autosummarize = on);
"""
# As with partitions: a daily history of decades would else be hundreds of chunks. An index by time alone was made by
# itself, and nobody asks for it.
CHUNKS = """
    DROP INDEX IF EXISTS datafeed_bar_opened_at_idx;
    SELECT set_chunk_time_interval('datafeed_bar', 31536000);
"""


def guard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            # What is deferred is checked now: a table with checks outstanding cannot be altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(WITHOUT_KEY)
            cursor.execute(SUMMARIES)
            if _has_chunks(cursor):
                cursor.execute(CHUNKS)


def _has_chunks(cursor):
    cursor.execute("SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return False
    cursor.execute("SELECT 1 FROM timescaledb_information.hypertables WHERE hypertable_name = 'datafeed_bar'")
    return cursor.fetchone() is not None


class Migration(migrations.Migration):
    dependencies = [("datafeed", "0006_revisions_of_bars")]

    # Going back leaves all of it, with which every earlier version works as well.
    operations = [migrations.RunPython(guard, migrations.RunPython.noop)]
