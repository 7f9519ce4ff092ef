"""What the list of notifications can be narrowed by."""

from dataclasses import replace
from typing import cast

import django_filters
from django.db.models import QuerySet
from django.db.models.functions import Upper
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from kernel.api.filters import FlagFilter, MomentFilter, Ordering
from notifications.channels import IN_APP
from notifications.delivery import rules_of
from notifications.messages import BIGGEST_SEQ
from notifications.models import PRIORITY_RANKS, Notification, NotificationQuerySet, Priority
from notifications.selectors import Inbox, InboxOfKinds, InboxRows, Kinds

# Where nothing else is asked for, a page costs the same however much there is: see `notifications.selectors.inboxes`.
CHEAP = {"unread_only", "stream", "after_seq", "type", "priority", "min_priority", "muted", "ordering"}


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
    symbol = django_filters.CharFilter(max_length=64, method="by_symbol", label="in capitals or not")
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
        return notifications.filter(self._by_muting(value).of())

    def _by_muting(self, value: bool) -> Kinds:
        is_muted, others = rules_of(self.request.user.pk).muted(IN_APP)
        return Kinds(types=frozenset(others)) if is_muted != value else Kinds(but=frozenset(others))

    def by_symbol(self, notifications: NotificationQuerySet, name: str, value: str) -> NotificationQuerySet:
        # As its index is written.
        return notifications.alias(capitals=Upper("symbol")).filter(capitals=value.upper())

    def at_least(self, notifications: QuerySet[Notification], name: str, value: str) -> QuerySet[Notification]:
        return notifications.filter(priority__in=_at_least(value))

    def _kinds(self) -> Kinds | None:
        """The types and priorities that were asked for; None for all."""
        values = self.form.cleaned_data
        kinds = Kinds() if values["muted"] is None else self._by_muting(values["muted"])
        if named := values["type"]:
            types = {named} - kinds.but if kinds.types is None else {named} & kinds.types
            kinds = Kinds(types=frozenset(types))
        ranks = [{values["priority"]}] if values["priority"] else []
        ranks += [_at_least(values["min_priority"])] if values["min_priority"] else []
        kinds = replace(kinds, priorities=frozenset.intersection(*map(frozenset, ranks)) if ranks else None)
        return None if kinds == Kinds() else kinds

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
        if kinds := self._kinds():
            part = InboxOfKinds(part, kinds)
        return InboxRows(part, bool(values["unread_only"]), values["ordering"] == ["created_at"])


def _at_least(priority: str) -> set[str]:
    return {other for other, rank in PRIORITY_RANKS.items() if rank >= PRIORITY_RANKS[priority]}
