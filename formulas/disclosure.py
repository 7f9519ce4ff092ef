"""Showing a formula's code: who may read it, and the trace that an administrator leaves in doing so."""

from typing import Any

from django.db import transaction

from formulas.models import Formula
from formulas.selectors import is_guarded, may_read_code
from kernel import audit

READ = "formula.code_read"


@transaction.atomic
def open_code(user: Any, formula: Formula) -> bool:
    """Whether `user` may read the code that is about to be shown.

    Where it is a private one of somebody else's, which an administrator may read, that is put on record.
    """
    if not may_read_code(user, formula):
        return False
    if is_guarded(user, formula):
        audit.record(READ, actor=user, target=f"formula:{formula.pk}", detail={"author_id": formula.author_id})
    return True
