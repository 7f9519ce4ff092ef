"""Many rows written at once, with little work for each."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from django.db import models as kinds
from django.db.models import Field, Model

AT_ONCE = 500  # rows in one statement
TEXTS = {kinds.CharField, kinds.SlugField, kinds.TextField}
NUMBERS = {
    *(kinds.BigAutoField, kinds.BigIntegerField, kinds.BooleanField, kinds.IntegerField),
    *(kinds.PositiveBigIntegerField, kinds.PositiveIntegerField, kinds.PositiveSmallIntegerField),
}

Preparing = Callable[[Any], Any]


def insert_all(rows: Sequence[Model]) -> None:
    """Write `rows`, all of one model, as `bulk_create` would; primary keys that the database gives are noted."""
    if not rows:
        return
    connection = connections[DEFAULT_DB_ALIAS]
    model, is_known = type(rows[0]), rows[0].pk is not None
    into, places, _ = insertion(model, is_known=is_known)
    values = [values_to_insert(row, is_known=is_known) for row in rows]
    with connection.cursor() as cursor:
        if is_known and connection.vendor == "sqlite":
            cursor.executemany(f"{into} VALUES {places}", values)
            return
        for start in range(0, len(rows), AT_ONCE):
            some = values[start : start + AT_ONCE]
            sql = f"{into} VALUES {', '.join([places] * len(some))}"
            key = f" RETURNING {connection.ops.quote_name(str(model._meta.pk.column))}"
            cursor.execute(sql if is_known else sql + key, [one for row in some for one in row])
            if not is_known:
                for row, (pk,) in zip(rows[start : start + AT_ONCE], cursor.fetchall(), strict=True):
                    row.pk = pk


def change_all(rows: Sequence[Model], names: Sequence[str]) -> None:
    """Write these fields of `rows`, all of one model and each of them once, as `bulk_update` would."""
    if not rows:
        return
    connection, meta = connections[DEFAULT_DB_ALIAS], rows[0]._meta
    quote = connection.ops.quote_name
    fields: list[Field[Any, Any]] = [*(field for field in meta.local_concrete_fields if field.name in names), meta.pk]
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    table, columns = quote(meta.db_table), [quote(str(field.column)) for field in fields]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            changes = ", ".join(f"{column} = %s" for column in columns[:-1])
            cursor.executemany(f"UPDATE {table} SET {changes} WHERE {columns[-1]} = %s", values)  # noqa: S608  our names
            return
        changes = ", ".join(f"{column} = new.{column}" for column in columns[:-1])
        lists = ", ".join(f"%s::{field.cast_db_type(connection)}[]" for field in fields)
        cursor.execute(
            f"UPDATE {table} SET {changes} FROM unnest({lists}) AS new ({', '.join(columns)}) "  # noqa: S608  our names
            f"WHERE {table}.{columns[-1]} = new.{columns[-1]}",
            [list(column) for column in zip(*values, strict=True)],
        )


class Insertion(NamedTuple):
    """How rows of a model are written: the beginning of the statement, the places of a row's values, and what puts
    each value into the form of its column."""

    into: str
    places: str
    fields: "list[tuple[Field[Any, Any], Preparing]]"


def insertion(model: type[Model], *, is_known: bool = True) -> Insertion:
    """The same for all columns of `model`, its primary key among them where that `is_known` beforehand."""
    return _insertion(model, is_known, connections[DEFAULT_DB_ALIAS].vendor)


@lru_cache(maxsize=100)
def _insertion(model: type[Model], is_known: bool, vendor: str) -> Insertion:
    quote, meta = connections[DEFAULT_DB_ALIAS].ops.quote_name, model._meta
    fields = [field for field in meta.local_concrete_fields if not field.generated]
    written = [field for field in fields if is_known or not field.primary_key]
    names = ", ".join(quote(str(field.column)) for field in written)
    return Insertion(
        f"INSERT INTO {quote(meta.db_table)} ({names})",
        f"({', '.join(['%s'] * len(written))})",
        [(field, _preparing(field)) for field in written],
    )


def values_to_insert(row: Model, *, is_known: bool = True) -> list[Any]:
    """The values of the columns of `row`, which counts as stored from now on."""
    fields = insertion(type(row), is_known=is_known).fields
    values = [prepare(field.pre_save(row, add=True)) for field, prepare in fields]
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return values


def _preparing(field: "Field[Any, Any]") -> Preparing:
    """`get_db_prep_save`, with a short way for what databases take as it is."""
    kind = type(field.target_field if isinstance(field, kinds.ForeignKey) else field)
    plain: type = str if kind in TEXTS else int if kind in NUMBERS else type(None)

    def prepare(value: Any) -> Any:
        if value is None or isinstance(value, plain):
            return value
        return field.get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])

    return prepare
