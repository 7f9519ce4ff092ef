"""Emptying the tables after a test that really committed."""

from functools import cache

from django.db import connection, transaction


@cache
def filled_by_migrations() -> frozenset[str]:
    """The tables that a fresh database has rows in. Ask before the first test writes."""
    return frozenset(table for table in _tables() if _has_rows(table))


def empty_tables() -> None:
    """Delete every row that tests have written.

    Django would truncate every table, which on PostgreSQL makes each of them and of their indexes anew, and then fill
    in anew what migrations do: that takes longer than nearly any test.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for table in _tables():
            if table not in filled_by_migrations():
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


@cache
def _tables() -> tuple[str, ...]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    # Keys are checked at the end of the transaction, but a series refuses at once to go before its bars.
    return tuple(sorted(found, key=lambda table: (table != "datafeed_bar", table)))


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")
        return cursor.fetchone() is not None
