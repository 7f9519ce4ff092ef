"""What is asked and written with every request: the ORM makes its SQL once, each call brings the values."""

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import BooleanField, CharField, Expression, F, Field, IntegerField, Lookup, Model, QuerySet
from django.db.models.sql import UpdateQuery

from kernel.bulk import Command, insertion, values_to_insert

Row = tuple[Any, ...]


class Given(Expression):
    """The place of a value in a `Statement`, filled in by its name at each call."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def prepared(self, given: dict[str, Any]) -> Any:
        """Its value among `given`, as the database takes it."""
        return self.output_field.get_db_prep_value(given[self.name], connection)


@CharField.register_lookup
@IntegerField.register_lookup
class Among(Lookup):
    """`field__among=values` finds what `field__in=values` does, with all values in one parameter.

    However many they are, it costs the ORM nothing for each, is within every database's limit, and is one and the
    same statement.
    """

    lookup_name = "among"

    def get_prep_lookup(self) -> Any:
        return self.rhs if isinstance(self.rhs, Given) else list(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        is_list = connection.vendor == "postgresql"
        value = self.rhs if is_list or isinstance(self.rhs, Given) else json.dumps(self.rhs)
        test = "= ANY(%s)" if is_list else "IN (SELECT value FROM json_each(%s))"
        return f"{column} {test}", [*parameters, value]


class GivenMany(Given):
    """The place of the values of an `among`."""

    def prepared(self, given: dict[str, Any]) -> Any:
        values = list(given[self.name])
        return values if connection.vendor == "postgresql" else json.dumps(values)


class PairAmong(Expression):
    """Holds where the values of two fields are one of the pairs that are given as `name`."""

    conditional = True

    def __init__(self, first: str, second: str, name: str) -> None:
        super().__init__(output_field=BooleanField())
        self._fields: list[Any] = [F(first), F(second)]
        self._name = name

    def get_source_expressions(self) -> list[Any]:
        return self._fields

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self._fields = list(exprs)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        (first, some), (second, more) = (compiler.compile(field) for field in self._fields)
        if connection.vendor == "postgresql":
            kinds = [f"%s::{field.target.cast_db_type(connection)}[]" for field in self._fields]
            given: list[Given] = [_Part(self._name, place) for place in (0, 1)]
            return f"({first}, {second}) IN (SELECT * FROM unnest({', '.join(kinds)}))", [*some, *more, *given]  # noqa: S608
        pairs = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(%s)"
        return f"({first}, {second}) IN ({pairs})", [*some, *more, GivenMany(self._name, BooleanField())]


class _Part(Given):
    """The first or second values of pairs."""

    def __init__(self, name: str, place: int) -> None:
        super().__init__(name, BooleanField())
        self._place = place

    def prepared(self, given: dict[str, Any]) -> Any:
        return [pair[self._place] for pair in given[self.name]]


class Statement:
    """`make().values_list(*columns)` without the cost of making it, with a `Given` for each value that varies.

    Compiling a query takes the ORM several times as long as asking it.
    """

    def __init__(self, make: Callable[[], QuerySet[Any, Any]], *columns: Any) -> None:
        self._make, self._columns = make, columns
        self._plans: dict[str, _Plan] = {}

    def rows(self, *, limit: int | None = None, offset: int = 0, **given: Any) -> list[Row]:
        """What it finds for the values `given`, cut out as a slice of the queryset would be."""
        sql, parameters = self.command(**given)
        if limit is not None:
            sql, parameters = f"{sql} LIMIT %s OFFSET %s", [*parameters, limit, offset]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return self.converted(cursor.fetchall())

    def command(self, **given: Any) -> Command:
        """What asks for it, as one part of a `journey`."""
        plan = self._plan()
        return plan.sql, [_filled(one, given) for one in plan.parameters]

    def converted(self, found: list[Row]) -> list[Row]:
        """What the database found, with Python's values."""
        plan = self._plan()
        if not plan.converters:
            return found
        return [tuple(row) for row in plan.compiler.apply_converters(found, plan.converters)]

    def first(self, **given: Any) -> Row | None:
        rows = self.rows(**given)
        return rows[0] if rows else None

    def count(self, **given: Any) -> int:
        """How many rows there are for the values `given`."""
        plan = self._plan()
        with connection.cursor() as cursor:
            cursor.execute(plan.counting_sql, [_filled(one, given) for one in plan.counting_parameters])
            return int(cursor.fetchone()[0])

    def _plan(self) -> "_Plan":
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = _Plan(self._make(), self._columns)
        return plan


class _Plan:
    """A statement in the words of one kind of database."""

    def __init__(self, queryset: QuerySet[Any, Any], columns: Sequence[Any]) -> None:
        # The connection of whichever thread asks, not of the one that was here first.
        self.compiler: Any = queryset.values_list(*columns).query.get_compiler(connection=connection)
        self.sql, self.parameters = self.compiler.as_sql()
        selected = [column for column, _, _ in self.compiler.select[: self.compiler.col_count]]
        self.converters = self.compiler.get_converters(selected)
        counted: Any = queryset.order_by().values_list("pk").query.get_compiler(connection=connection)
        inner, self.counting_parameters = counted.as_sql()
        self.counting_sql = f"SELECT COUNT(*) FROM ({inner}) counted"  # noqa: S608  the ORM's own words


class Change:
    """`make().update(**values)` without the cost of making it; at least one of `values` is a `Given`."""

    def __init__(self, make: Callable[[], QuerySet[Any, Any]], **values: Any) -> None:
        self._make, self._values = make, values
        self._plans: dict[str, Command] = {}

    def command(self, **given: Any) -> Command:
        """What `carry_out` is to do for the values `given`."""
        plan = self._plans.get(connection.vendor)
        if plan is None:
            query: Any = self._make().query.chain(UpdateQuery)
            query.add_update_values(self._values)
            plan = self._plans[connection.vendor] = query.get_compiler(connection=connection).as_sql()
        sql, parameters = plan
        return sql, [_filled(one, given) for one in parameters]


def inserting(row: Model) -> Command:
    """What writes `row` as `bulk_create([row])` would; its primary key is known already."""
    into, places, _ = insertion(type(row))
    return f"{into} VALUES {places}", values_to_insert(row)


def carry_out(commands: Sequence[Command]) -> None:
    """Do all of `commands` in their order, on PostgreSQL in one journey; call it in a transaction."""
    with connection.cursor() as cursor:
        if _is_joined() and commands:
            cursor.execute(*_joined(commands))
            return
        for sql, run in groupby(commands, itemgetter(0)):
            values = [own for _, own in run]
            if len(values) == 1:
                cursor.execute(sql, values[0])
            else:
                cursor.executemany(sql, values)


def journey(commands: Sequence[Command]) -> list[list[Row]]:
    """The same, and what each of them found, as the database gives it; nothing for one that only writes."""
    found: list[list[Row]] = []
    with connection.cursor() as cursor:
        if not _is_joined():
            for sql, own in commands:
                cursor.execute(sql, own)
                found.append(cursor.fetchall() if cursor.description else [])
        elif commands:
            cursor.execute(*_joined(commands))
            found.append(cursor.fetchall() if cursor.description else [])
            while cursor.nextset():
                found.append(cursor.fetchall() if cursor.description else [])
    return found


def answers(*questions: tuple[Statement, dict[str, Any]]) -> list[list[Row]]:
    """`statement.rows(**given)` of each, on PostgreSQL in one journey."""
    found = journey([statement.command(**given) for statement, given in questions])
    return [statement.converted(rows) for (statement, _), rows in zip(questions, found, strict=True)]


def _is_joined() -> bool:
    """Whether the database takes several statements at once."""
    return connection.vendor == "postgresql" and not connection.settings_dict["OPTIONS"].get("server_side_binding")


def _joined(commands: Sequence[Command]) -> Command:
    return "; ".join(sql for sql, _ in commands), [one for _, own in commands for one in own]


def _filled(parameter: Any, given: dict[str, Any]) -> Any:
    return parameter.prepared(given) if isinstance(parameter, Given) else parameter
