"""What the list of notifications can be narrowed by."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from kernel.api.filters import FlagFilter, MomentFilter, Ordering
from notifications.models import PRIORITY_RANKS, Notification, NotificationQuerySet, Priority


class NotificationFilter(django_filters.FilterSet):
    """`unread_only, type, priority, min_priority, topic, symbol, since, ordering`."""

    unread_only = FlagFilter(method="only_unread", label="true leaves out what has been read")
    type = django_filters.CharFilter(max_length=50)
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    min_priority = django_filters.ChoiceFilter(choices=Priority.choices, method="at_least")
    topic = django_filters.CharFilter(max_length=100)
    symbol = django_filters.CharFilter(lookup_expr="iexact", max_length=64)
    since = MomentFilter(field_name="created_at", lookup_expr="gte")
    ordering = Ordering(fields=["created_at"])

    class Meta:
        model = Notification
        fields: list[str] = []

    @extend_schema_field(OpenApiTypes.BOOL)
    def only_unread(self, notifications: NotificationQuerySet, name: str, value: bool) -> NotificationQuerySet:
        return notifications.unread() if value else notifications

    def at_least(self, notifications: QuerySet[Notification], name: str, value: str) -> QuerySet[Notification]:
        enough = [priority for priority, rank in PRIORITY_RANKS.items() if rank >= PRIORITY_RANKS[value]]
        return notifications.filter(priority__in=enough)
