"""Many rows written at once, with little work for each."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

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
Command = tuple[str, Sequence[Any]]
M = TypeVar("M", bound=Model)


def insert_all(rows: Sequence[Model]) -> None:
    """Write `rows`, all of one model, as `bulk_create` would; the primary keys that the database gives are noted."""
    _insert(rows, "", [])


def insert_new(rows: Sequence[M], unique: Sequence[str]) -> list[M]:
    """Write those of `rows` that no constraint keeps out, and give them; the fields `unique` tell all rows apart."""
    found = {tuple(values): pk for pk, *values in _insert(rows, " ON CONFLICT DO NOTHING", unique)}
    new = []
    for row in rows:
        row.pk = found.get(tuple(getattr(row, name) for name in unique))
        if row.pk is not None:
            new.append(row)
    return new


def _insert(rows: Sequence[Model], otherwise: str, told: Sequence[str]) -> list[Sequence[Any]]:
    """The primary key, and the fields `told`, of each row that was written, in order."""
    if not rows:
        return []
    connection, model = connections[DEFAULT_DB_ALIAS], type(rows[0])
    into, places, _ = insertion(model, is_known=False)
    fields = [model._meta.pk, *(model._meta.get_field(name) for name in told)]
    names = ", ".join(connection.ops.quote_name(str(getattr(field, "column", ""))) for field in fields)
    values = [values_to_insert(row, is_known=False) for row in rows]
    found: list[Sequence[Any]] = []
    with connection.cursor() as cursor:
        for start in range(0, len(rows), AT_ONCE):
            some = values[start : start + AT_ONCE]
            sql = f"{into} VALUES {', '.join([places] * len(some))}{otherwise} RETURNING {names}"
            cursor.execute(sql, [one for row in some for one in row])
            found += cursor.fetchall()
    if not otherwise:
        for row, (pk, *_) in zip(rows, found, strict=True):
            row.pk = pk
    return found


def inserting_all(rows: Sequence[Model]) -> list[Command]:
    """What writes `rows`, all of one model, as `bulk_create` would; their primary keys are known already."""
    if not rows:
        return []
    into, places, _ = insertion(type(rows[0]))
    values = [values_to_insert(row) for row in rows]
    if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
        return [(f"{into} VALUES {places}", own) for own in values]
    return [_together(into, places, values[start : start + AT_ONCE]) for start in range(0, len(values), AT_ONCE)]


def _together(into: str, places: str, values: Sequence[Sequence[Any]]) -> Command:
    return f"{into} VALUES {', '.join([places] * len(values))}", [one for row in values for one in row]


def changing_all(rows: Sequence[Model], names: Sequence[str]) -> list[Command]:
    """What writes the fields `names` of `rows`, all of one model and each of them once, as `bulk_update` would."""
    if not rows:
        return []
    connection, meta = connections[DEFAULT_DB_ALIAS], rows[0]._meta
    quote = connection.ops.quote_name
    fields: list[Field[Any, Any]] = [*(field for field in meta.local_concrete_fields if field.name in names), meta.pk]
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    table, columns = quote(meta.db_table), [quote(str(field.column)) for field in fields]
    if connection.vendor == "sqlite":
        changes = ", ".join(f"{column} = %s" for column in columns[:-1])
        return [(f"UPDATE {table} SET {changes} WHERE {columns[-1]} = %s", own) for own in values]  # noqa: S608  our names
    changes = ", ".join(f"{column} = new.{column}" for column in columns[:-1])
    lists = ", ".join(f"%s::{field.cast_db_type(connection)}[]" for field in fields)
    sql = (
        f"UPDATE {table} SET {changes} FROM unnest({lists}) AS new ({', '.join(columns)}) "  # noqa: S608  our names
        f"WHERE {table}.{columns[-1]} = new.{columns[-1]}"
    )
    return [(sql, [list(column) for column in zip(*values, strict=True)])]


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
