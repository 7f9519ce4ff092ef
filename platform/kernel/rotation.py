"""Where sealed values are kept, so that a change of keys finds them all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model

from kernel.crypto import is_sealed_by_newest, reseal

AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with sealed values; `move` seals a row's with the newest key and tells whether that changed it."""

    model: type[Model]
    name: str
    move: Callable[[Any], bool]

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


_columns: dict[str, SealedColumn] = {}


def sealed_column(model: type[Model], name: str, context: Callable[[Any], str]) -> None:
    """Let `rotate` find the binary values in `model.name`, each sealed with `context(row)`; called beside the model."""

    def move(row: Any) -> bool:
        sealed = getattr(row, name)
        if not sealed or is_sealed_by_newest(sealed):
            return False
        setattr(row, name, reseal(sealed, context=context(row)))
        return True

    sealed_rows(model, name, move)


def sealed_rows(model: type[Model], name: str, move: Callable[[Any], bool]) -> None:
    """The same for a column that is no plain sealed value: `move` changes the row, which is saved for it."""
    column = SealedColumn(model, name, move)
    _columns[str(column)] = column


def sealed_columns() -> list[SealedColumn]:
    return list(_columns.values())


def rotate(column: SealedColumn) -> int:
    """Seal every value of `column` with the newest key; how many that changed.

    May be stopped and run again, beside a server at work. Raises `NotReadable` where a value's own key is gone.
    """
    rows = column.model._default_manager.order_by("pk")
    moved, last = 0, None
    while keys := list(
        (rows.filter(pk__gt=last) if last is not None else rows).values_list("pk", flat=True)[:AT_A_TIME]
    ):
        moved += sum(_rotate_row(column, pk) for pk in keys)
        last = keys[-1]
    return moved


@transaction.atomic
def _rotate_row(column: SealedColumn, pk: Any) -> bool:
    row = column.model._default_manager.select_for_update().filter(pk=pk).first()
    if row is None or not column.move(row):
        return False
    row.save(update_fields=[column.name])
    return True
