"""What is asked and written with every request: the ORM makes its SQL once, each call brings the values."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql import UpdateQuery

Row = tuple[Any, ...]
Command = tuple[str, Sequence[Any]]


class Given(Expression):
    """The place of a value in a `Statement`, filled in by its name at each call."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class Statement:
    """`make().values_list(*columns)` without the cost of making it, with a `Given` for each value that varies.

    Compiling a query takes the ORM several times as long as asking it.
    """

    def __init__(self, make: Callable[[], QuerySet[Any, Any]], *columns: Any) -> None:
        self._make, self._columns = make, columns
        self._plans: dict[str, _Plan] = {}

    def rows(self, *, limit: int | None = None, offset: int = 0, **given: Any) -> list[Row]:
        """What it finds for the values `given`, cut out as a slice of the queryset would be."""
        plan = self._plan()
        sql, parameters = plan.sql, [_filled(one, given) for one in plan.parameters]
        if limit is not None:
            sql, parameters = f"{sql} LIMIT %s OFFSET %s", [*parameters, limit, offset]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found: list[Row] = cursor.fetchall()
        return (
            [tuple(row) for row in plan.compiler.apply_converters(found, plan.converters)] if plan.converters else found
        )

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


_inserts: dict[tuple[str, type[Model]], str] = {}


def inserting(row: Model) -> Command:
    """What writes `row` as `bulk_create([row])` would; its primary key is known already."""
    columns = [field for field in row._meta.local_concrete_fields if not field.generated]
    sql = _inserts.get((connection.vendor, type(row)))
    if sql is None:
        quote = connection.ops.quote_name
        names = ", ".join(quote(str(field.column)) for field in columns)
        places = ", ".join("%s" for _ in columns)
        table = quote(row._meta.db_table)
        sql = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608  names of our own tables
        _inserts[connection.vendor, type(row)] = sql
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in columns]
    row._state.adding, row._state.db = False, connection.alias
    return sql, values


def carry_out(commands: Sequence[Command]) -> None:
    """Do all of `commands` in their order, on PostgreSQL in one journey; call it in a transaction."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not connection.settings_dict["OPTIONS"].get("server_side_binding"):
            parameters = [parameter for _, own in commands for parameter in own]
            cursor.execute("; ".join(sql for sql, _ in commands), parameters)
        else:
            for sql, own in commands:
                cursor.execute(sql, own)


def _filled(parameter: Any, given: dict[str, Any]) -> Any:
    if not isinstance(parameter, Given):
        return parameter
    return parameter.output_field.get_db_prep_value(given[parameter.name], connection)
