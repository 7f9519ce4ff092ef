"""What lists of formulas, signals and backtests can be narrowed by."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from formulas.models import Backtest, Formula, Side, Signal
from kernel.api.filters import FlagFilter, Ordering
from kernel.errors import Invalid

MOST_TAGS = 100


class FormulaFilter(django_filters.FilterSet):
    """`category, tags, search, author, min_performance_score, max_performance_score, ordering`."""

    category = django_filters.CharFilter(field_name="category", lookup_expr="iexact")
    tags = django_filters.CharFilter(method="with_tags", label="comma list; any of them")
    search = django_filters.CharFilter(method="matching", max_length=200)
    author = django_filters.CharFilter(field_name="author__username", lookup_expr="iexact")
    is_public = FlagFilter()
    min_performance_score = django_filters.NumberFilter(
        field_name="performance_score", lookup_expr="gte", min_value=0, max_value=100, max_digits=5, decimal_places=2
    )
    max_performance_score = django_filters.NumberFilter(
        field_name="performance_score", lookup_expr="lte", min_value=0, max_value=100, max_digits=5, decimal_places=2
    )
    ordering = Ordering(
        fields=[
            "created_at",
            "updated_at",
            "name",
            "performance_score",
            "total_subscribers",
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
        return formulas.filter(tags__name__in=names).distinct() if names else formulas

    def matching(self, formulas: QuerySet[Formula], name: str, value: str) -> QuerySet[Formula]:
        wanted: Any = Q()
        for word in value.split()[:10]:
            wanted &= Q(name__icontains=word) | Q(description__icontains=word) | Q(tags__name__iexact=word)
        return formulas.filter(wanted).distinct()


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
