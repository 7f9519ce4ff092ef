"""The marketplace's plain list in two queries, whose SQL is made once: what every client asks for first."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Aggregate, BigAutoField, Exists, OuterRef, Subquery, TextField

from formulas.models import Formula, Subscription
from kernel.permissions import ADMIN, Person, has_role
from kernel.statements import Given, Statement


class Listed(NamedTuple):
    """A formula as lists show it; `words` are its tags in any order, `code` whoever may read it."""

    id: int
    name: str
    description: str
    code: str | None
    category: str
    words: str | None
    is_public: bool
    is_retired: bool
    version: int | None
    performance_score: Decimal | None
    total_subscribers: int
    average_rating: float | None
    total_reviews: int
    is_subscribed: bool
    author_id: int
    author_name: str
    created_at: datetime
    updated_at: datetime

    @property
    def tags(self) -> list[str]:
        return sorted(self.words.split(_COMMA)) if self.words else []


def count_listed(user: Person) -> int:
    """How many formulas `user` may see."""
    statement = _ALL if has_role(user, ADMIN) else _VISIBLE
    return statement.count(user_id=user.pk)


def listed(user: Person, *, limit: int, offset: int) -> list[Listed]:
    """Those formulas, newest first, from the one numbered `offset`."""
    statement = _ALL if has_role(user, ADMIN) else _VISIBLE
    return [Listed(*row) for row in statement.rows(limit=limit, offset=offset, user_id=user.pk)]


_COMMA = ","  # which no tag has in it


class _Joined(Aggregate):
    """Texts in one, in any order."""

    function = "STRING_AGG"
    template = f"%(function)s(%(expressions)s, '{_COMMA}')"
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


@dataclass
class _Somebody:
    """Stands for whoever will ask."""

    role: str
    is_admin: bool
    pk: Any = field(default_factory=lambda: Given("user_id", BigAutoField()))
    is_authenticated: bool = True


def _statement(user: _Somebody) -> Statement:
    own = Subscription.objects.visible_to(user).filter(is_active=True, formula_id=OuterRef("pk"))
    tags = Formula.tags.through.objects.filter(formula_id=OuterRef("pk")).order_by()
    words = tags.values("formula_id").annotate(words=_Joined("tag__name")).values("words")  # type: ignore[misc]
    return Statement(
        lambda: Formula.objects.visible_to(user),
        "id", "name", "description", "version__code", "category", Subquery(words), "is_public", "is_retired",
        "version__number", "performance_score", "total_subscribers", "average_rating", "total_reviews",
        Exists(own), "author_id", "author__username", "created_at", "updated_at",
    )  # fmt: skip


_VISIBLE = _statement(_Somebody(role="user", is_admin=False))
_ALL = _statement(_Somebody(role=ADMIN, is_admin=True))
