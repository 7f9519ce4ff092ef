"""Filters of lists, read strictly: what cannot be understood is refused by name, never passed over."""

from datetime import UTC, datetime
from typing import Any

import django_filters
import django_filters.fields
from django import forms
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Filters(DjangoFilterBackend):
    """A view's `filterset_class`, where the query names one of its filters.

    The library builds a form, field by field, for each request; for a list without filters that is a quarter of it.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        if filterset is None or request.query_params.keys().isdisjoint(filterset.base_filters):
            return queryset
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found


class FlagField(forms.CharField):
    """`true` or `false` in any case, or 1 or 0; anything else is refused, not guessed."""

    def clean(self, value: Any) -> bool | None:
        text = super().clean(value).lower()
        if text and text not in _FLAGS:
            raise forms.ValidationError("Must be true or false.")
        return _FLAGS.get(text)


class FlagFilter(django_filters.Filter):
    field_class = FlagField


class MomentField(django_filters.fields.IsoDateTimeField):
    """An instant in ISO 8601, given in UTC; one that has no name there is refused."""

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError("This is out of range.") from None


class MomentFilter(django_filters.Filter):
    field_class = MomentField


class Ordering(django_filters.OrderingFilter):
    """`ordering=-created_at`: by the names declared and no others; equal rows come in the order of their ids."""

    def filter(self, rows: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        names = [self.get_ordering_value(name) for name in value or () if name]
        if not names:
            return rows
        # Without it a page could repeat what another has shown.
        return rows.order_by(*names, "-pk" if names[-1].startswith("-") else "pk")
