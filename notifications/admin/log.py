"""The log in the control panel: streams, notifications, who reads them and what they did."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

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


class LogAdmin(ModelAdmin):
    """Rows that the platform writes and people only look at: a log changed by hand would not be one."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Stream)
class StreamAdmin(LogAdmin):
    list_display = ["name", "floor", "head", "told_at", "epoch", "created_at"]
    search_fields = ["name"]


@admin.register(Notification)
class NotificationAdmin(LogAdmin):
    list_display = ["created_at", "stream", "seq", "type", "priority", "title", "symbol", "published_at"]
    list_filter = ["priority", "type", "source", ("published_at", admin.EmptyFieldListFilter)]
    list_select_related = ["stream"]
    search_fields = ["title", "symbol", "stream__name", "external_id", "dedup_key"]
    date_hierarchy = "created_at"


@admin.register(Membership)
class MembershipAdmin(LogAdmin):
    list_display = ["user", "stream", "after_seq", "until_seq", "read_seq", "hidden_seq", "created_at"]
    list_filter = [("until_seq", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "stream"]
    search_fields = ["user__username", "user__email", "stream__name"]


@admin.register(ReadingState)
class ReadingStateAdmin(LogAdmin):
    list_display = ["user", "notification", "delivered_at", "read_at", "response", "responded_at", "hidden"]
    list_filter = ["hidden", "response"]
    list_select_related = ["user", "notification"]
    search_fields = ["user__username", "user__email", "notification__title"]


@admin.register(ReadMark)
class ReadMarkAdmin(LogAdmin):
    list_display = ["user", "stream", "through_seq", "at"]
    list_select_related = ["user", "stream"]
    search_fields = ["user__username", "user__email", "stream__name"]


@admin.register(Receipt)
class ReceiptAdmin(LogAdmin):
    list_display = ["user", "stream", "delivered_seq", "delivered_at"]
    list_select_related = ["user", "stream"]
    search_fields = ["user__username", "user__email", "stream__name"]


@admin.register(Kind)
class KindAdmin(LogAdmin):
    list_display = ["stream", "type", "priority"]
    list_filter = ["priority"]
    list_select_related = ["stream"]
    search_fields = ["stream__name", "type"]


@admin.register(HeldBack)
class HeldBackAdmin(LogAdmin):
    """What a stream did not tell one by one; without a summary it waits for one."""

    list_display = ["created_at", "stream", "dedup_key", "summary"]
    list_filter = [("summary", admin.EmptyFieldListFilter)]
    list_select_related = ["stream", "summary"]
    search_fields = ["stream__name", "dedup_key"]
