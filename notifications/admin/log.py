"""The log in the control panel: streams, notifications, who reads them and what they did."""

from django.contrib import admin

from kernel.admin import ReadOnlyAdmin
from notifications.models import (
    HeldBack,
    Kind,
    Membership,
    Notification,
    ReadingState,
    ReadMark,
    Receipt,
    Stream,
)


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    list_display = ["name", "floor", "head", "told_at", "epoch", "created_at"]
    search_fields = ["name"]


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "stream", "seq", "type", "priority", "title", "symbol", "published_at"]
    list_filter = ["priority", "type", "source", ("published_at", admin.EmptyFieldListFilter)]
    list_select_related = ["stream"]
    search_fields = ["title", "symbol", "stream__name", "external_id", "dedup_key"]
    date_hierarchy = "created_at"


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["user", "stream", "after_seq", "until_seq", "read_seq", "hidden_seq", "created_at"]
    list_filter = [("until_seq", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "stream"]
    search_fields = ["user__username", "user__email", "stream__name"]


@admin.register(ReadingState)
class ReadingStateAdmin(ReadOnlyAdmin):
    list_display = ["user", "notification", "delivered_at", "read_at", "response", "responded_at", "hidden"]
    list_filter = ["hidden", "response"]
    list_select_related = ["user", "notification"]
    search_fields = ["user__username", "user__email", "notification__title"]


@admin.register(ReadMark)
class ReadMarkAdmin(ReadOnlyAdmin):
    list_display = ["user", "stream", "through_seq", "at"]
    list_select_related = ["user", "stream"]
    search_fields = ["user__username", "user__email", "stream__name"]


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["user", "stream", "delivered_seq", "delivered_at"]
    list_select_related = ["user", "stream"]
    search_fields = ["user__username", "user__email", "stream__name"]


@admin.register(Kind)
class KindAdmin(ReadOnlyAdmin):
    list_display = ["stream", "type", "priority"]
    list_filter = ["priority"]
    list_select_related = ["stream"]
    search_fields = ["stream__name", "type"]


@admin.register(HeldBack)
class HeldBackAdmin(ReadOnlyAdmin):
    """What a stream did not tell one by one; without a summary it waits for one."""

    list_display = ["created_at", "stream", "dedup_key", "summary"]
    list_filter = [("summary", admin.EmptyFieldListFilter)]
    list_select_related = ["stream", "summary"]
    search_fields = ["stream__name", "dedup_key"]
