"""A decimal column that is as exact on SQLite as it is on PostgreSQL."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

DIGITS, PLACES = 24, 8


class ExactColumn(models.DecimalField):  # type: ignore[type-arg]  # generic for the checker alone
    """A decimal that reads back digit for digit.

    SQLite has no decimals and would keep a float of 15 digits. There the column is text, written with all its places
    so that equal numbers are equal texts: a query may ask for equality, but neither order nor sum by it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", DIGITS)
        kwargs.setdefault("decimal_places", PLACES)
        super().__init__(*args, **kwargs)

    def get_internal_type(self) -> str:
        # Not DecimalField: SQLite's converter for those goes by way of a float.
        return "ExactColumn"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "text" if connection.vendor == "sqlite" else f"numeric({self.max_digits}, {self.decimal_places})"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        value = value if prepared else self.get_prep_value(value)
        if connection.vendor != "sqlite" or not isinstance(value, Decimal):
            return value
        # There is but one zero: that of -0.0 would be another text.
        return f"{value if value else Decimal(0):.{self.decimal_places}f}"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Decimal | None:
        return None if value is None else Decimal(value)
