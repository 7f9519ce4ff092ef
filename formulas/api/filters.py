"""What lists of formulas, signals and backtests can be narrowed by."""

from typing import Any

import django_filters
from django.db.models import F, QuerySet

from formulas import selectors
from formulas.models import Backtest, Deployment, DeploymentStatus, Formula, Review, Side, Signal, Sweep, SweepKind
from kernel.api.filters import FlagFilter, Ordering
from kernel.errors import Invalid

MOST_TAGS = 100


# What has no value stands last, whichever way the list goes; its indexes are those of the ranks.
RANKS = {"performance_score": ("score_rank",), "average_rating": ("rating_rank", "total_reviews")}
SORTS = [(name, name) for name in ("created_at", "performance_score", "total_subscribers", "average_rating")]


class Ranking(Ordering):
    """As `Ordering` does, with what is unrated at the end."""

    def filter(self, rows: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        names = [name for name in value or () if name]
        if not names:
            return rows
        places = [place for name in names for place in _places(name)]
        return rows.order_by(*places, "-pk" if names[-1].startswith("-") else "pk")


def _places(name: str) -> list[Any]:
    if name.startswith("-"):
        return [f"-{rank}" for rank in RANKS.get(name[1:], (name[1:],))]
    return [F(name).asc(nulls_last=True)] if name in RANKS else [name]


class FormulaFilter(django_filters.FilterSet):
    """`category, tags, search, author, min_performance_score, max_performance_score, ordering`, and others."""

    category = django_filters.CharFilter(method="in_category")
    tags = django_filters.CharFilter(method="with_tags", label="comma list; any of them")
    search = django_filters.CharFilter(method="matching", max_length=200)
    author = django_filters.CharFilter(field_name="author__username", lookup_expr="iexact")
    is_public = FlagFilter()
    is_subscribed = FlagFilter(method="followed")
    min_performance_score = django_filters.NumberFilter(
        field_name="performance_score", lookup_expr="gte", min_value=0, max_value=100, max_digits=5, decimal_places=2
    )
    max_performance_score = django_filters.NumberFilter(
        field_name="performance_score", lookup_expr="lte", min_value=0, max_value=100, max_digits=5, decimal_places=2
    )
    sort_by = django_filters.ChoiceFilter(choices=SORTS, method="sorted", label="another way to order")
    sort_order = django_filters.ChoiceFilter(
        choices=[("asc", "asc"), ("desc", "desc")], method="as_it_is", label="of `sort_by`; desc where unsaid"
    )
    ordering = Ranking(
        fields=[
            "created_at",
            "updated_at",
            "name",
            "performance_score",
            "total_subscribers",
            "total_reviews",
            "average_rating",
        ]
    )

    class Meta:
        model = Formula
        fields: list[str] = []

    def with_tags(self, formulas: QuerySet[Formula], name: str, value: str) -> QuerySet[Formula]:
        names = [word.strip().lower() for word in value.split(",") if word.strip()]
        if len(names) > MOST_TAGS:
            raise Invalid.field("tags", f"At most {MOST_TAGS} tags are looked for.")
        return selectors.tagged(formulas, names) if names else formulas

    def in_category(self, formulas: QuerySet[Formula], name: str, value: str) -> QuerySet[Formula]:
        return formulas.filter(category=value.lower())

    def followed(self, formulas: QuerySet[Formula], name: str, value: bool) -> QuerySet[Formula]:
        return selectors.followed_by(self.request.user, formulas, value)

    def matching(self, formulas: QuerySet[Formula], name: str, value: str) -> QuerySet[Formula]:
        return selectors.matching(formulas, value)

    def sorted(self, formulas: QuerySet[Formula], name: str, value: str) -> QuerySet[Formula]:
        descends = self.form.cleaned_data["sort_order"] != "asc"
        ordered: QuerySet[Formula] = self.filters["ordering"].filter(formulas, [f"-{value}" if descends else value])
        return ordered

    def as_it_is(self, formulas: QuerySet[Formula], name: str, value: str) -> QuerySet[Formula]:
        return formulas


class SignalFilter(django_filters.FilterSet):
    """`symbol, side, formula_id, deployment_id, resolution`."""

    symbol = django_filters.CharFilter(field_name="instrument__symbol", lookup_expr="iexact")
    side = django_filters.ChoiceFilter(choices=Side.choices)
    formula_id = django_filters.NumberFilter(field_name="formula_id", min_value=1, max_value=2**53)
    deployment_id = django_filters.NumberFilter(field_name="deployment_id", min_value=1, max_value=2**53)
    resolution = django_filters.CharFilter(field_name="resolution")

    class Meta:
        model = Signal
        fields: list[str] = []


class BacktestFilter(django_filters.FilterSet):
    """`formula_id, symbol`."""

    formula_id = django_filters.NumberFilter(field_name="formula_id", min_value=1, max_value=2**53)
    symbol = django_filters.CharFilter(field_name="instrument__symbol", lookup_expr="iexact")

    class Meta:
        model = Backtest
        fields: list[str] = []


class SweepFilter(BacktestFilter):
    """`formula_id, symbol, kind`."""

    kind = django_filters.ChoiceFilter(choices=SweepKind.choices)

    class Meta:
        model = Sweep
        fields: list[str] = []


class DeploymentFilter(django_filters.FilterSet):
    """`formula_id, symbol, status, is_stopped`."""

    formula_id = django_filters.NumberFilter(field_name="formula_id", min_value=1, max_value=2**53)
    symbol = django_filters.CharFilter(field_name="instrument__symbol", lookup_expr="iexact")
    status = django_filters.ChoiceFilter(choices=DeploymentStatus.choices)
    is_stopped = FlagFilter(method="stopped")

    class Meta:
        model = Deployment
        fields: list[str] = []

    def stopped(self, rows: QuerySet[Deployment], name: str, value: bool) -> QuerySet[Deployment]:
        stopped = {"status": DeploymentStatus.STOPPED}
        return rows.filter(**stopped) if value else rows.exclude(**stopped)


class ReviewFilter(django_filters.FilterSet):
    """`is_mine`."""

    is_mine = FlagFilter(method="written")

    class Meta:
        model = Review
        fields: list[str] = []

    def written(self, rows: QuerySet[Review], name: str, value: bool) -> QuerySet[Review]:
        own = {"user_id": self.request.user.pk}
        return rows.filter(**own) if value else rows.exclude(**own)
