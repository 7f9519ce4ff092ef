"""A plain page of the list of formulas as the body of an answer, for the short way to it."""

from typing import Any

from formulas.api.views import FormulaViewSet
from formulas.lists import Listed, count_listed, listed
from kernel import clock
from kernel.api.fields import NumberField
from kernel.api.pagination import PageNumbers
from kernel.api.renderers import encoder
from kernel.api.shortcuts import NotPlain, Question, Shortcut
from kernel.permissions import ADMIN, Person, has_role

_PLAIN = frozenset({"page", "size", "limit"})
_score = NumberField(max_digits=5, decimal_places=2)


def formulas(question: Question) -> bytes:
    """The answer of `formulas` without filters; raises `Invalid` and its kind, naming what is wrong."""
    if not question.query_params.keys() <= _PLAIN:
        raise NotPlain
    user, pages = question.user, PageNumbers()
    start = pages.read(question)
    pages.total = count_listed(user)
    rows = listed(user, limit=pages.size, offset=start) if start < pages.total else []
    reads_all = has_role(user, ADMIN)
    return encoder.encode(pages.body([_shown(row, user, reads_all) for row in rows]))


def _shown(row: Listed, user: Person, reads_all: bool) -> dict[str, Any]:
    """As `FormulaSerializer` shows it."""
    may_read_code = row.author_id == user.pk or (row.is_public and (reads_all or row.is_subscribed))
    score = row.performance_score
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "formula_code": row.code if may_read_code else None,
        "category": row.category,
        "tags": row.tags,
        "is_public": row.is_public,
        "is_retired": row.is_retired,
        "version": row.version,
        "performance_score": None if score is None else _score.to_representation(score),
        "total_subscribers": row.total_subscribers,
        "average_rating": row.average_rating,
        "total_reviews": row.total_reviews,
        "is_subscribed": row.is_subscribed,
        "created_by": {"id": row.author_id, "username": row.author_name},
        "created_at": clock.isoformat(row.created_at),
        "updated_at": clock.isoformat(row.updated_at),
    }


FORMULAS = Shortcut(FormulaViewSet, formulas)
