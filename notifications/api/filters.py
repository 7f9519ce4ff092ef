"""What the list of notifications can be narrowed by."""

from typing import cast

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from kernel.api.filters import FlagFilter, MomentFilter, Ordering
from notifications.channels import IN_APP
from notifications.delivery import rules_of
from notifications.messages import BIGGEST_SEQ
from notifications.models import PRIORITY_RANKS, Notification, NotificationQuerySet, Priority
from notifications.selectors import Inbox, InboxRows

# Where nothing else is asked for, a page costs the same however much there is: see `notifications.selectors.inboxes`.
CHEAP = {"unread_only", "stream", "after_seq", "ordering"}


class NotificationFilter(django_filters.FilterSet):
    """`unread_only, stream, after_seq, type, priority, min_priority, topic, symbol, since, muted, ordering`."""

    unread_only = FlagFilter(method="only_unread", label="true leaves out what has been read")
    stream = django_filters.CharFilter(field_name="stream__name", max_length=200, label="one stream alone")
    after_seq = django_filters.NumberFilter(
        field_name="seq", lookup_expr="gt", min_value=0, max_value=BIGGEST_SEQ, decimal_places=0,
        label="only what has a higher number in its stream",
    )  # fmt: skip
    type = django_filters.CharFilter(max_length=50)
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    min_priority = django_filters.ChoiceFilter(choices=Priority.choices, method="at_least")
    topic = django_filters.CharFilter(max_length=100)
    symbol = django_filters.CharFilter(lookup_expr="iexact", max_length=64)
    since = MomentFilter(field_name="created_at", lookup_expr="gte")
    muted = FlagFilter(method="by_muting", label="false leaves out the types muted in the preferences; true shows them")
    ordering = Ordering(fields=["created_at"])

    class Meta:
        model = Notification
        fields: list[str] = []

    @extend_schema_field(OpenApiTypes.BOOL)
    def only_unread(self, notifications: NotificationQuerySet, name: str, value: bool) -> NotificationQuerySet:
        return notifications.unread() if value else notifications

    @extend_schema_field(OpenApiTypes.BOOL)
    def by_muting(self, notifications: NotificationQuerySet, name: str, value: bool) -> NotificationQuerySet:
        is_muted, others = rules_of(self.request.user.pk).muted(IN_APP)
        named = Q(type__in=others)
        return notifications.filter(named if is_muted != value else ~named)

    def at_least(self, notifications: QuerySet[Notification], name: str, value: str) -> QuerySet[Notification]:
        enough = [priority for priority, rank in PRIORITY_RANKS.items() if rank >= PRIORITY_RANKS[value]]
        return notifications.filter(priority__in=enough)

    def is_cheap(self) -> bool:
        """Whether what was asked for can be read without looking at more than the page."""
        values = self.form.cleaned_data
        return {name for name, value in values.items() if value not in (None, "", [])} <= CHEAP

    def rows(self, owner: Inbox) -> InboxRows | NotificationQuerySet:
        """What was asked for of the inbox `owner`."""
        values = self.form.cleaned_data
        if not self.is_cheap():
            return cast(NotificationQuerySet, self.qs)
        part = owner.narrowed(values["stream"] or None, int(values["after_seq"] or 0))
        return InboxRows(part, bool(values["unread_only"]), values["ordering"] == ["created_at"])
