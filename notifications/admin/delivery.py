"""Channels and deliveries in the control panel: what is on its way, what was given up and why, and sending it again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from kernel import clock
from kernel.admin import ReadOnlyAdmin
from notifications import services
from notifications.delivery import status_of_channel
from notifications.models import AnswerLink, Channel, Delivery, FanOut, Preferences

CHANNEL_LABELS = {"unverified": "info", "active": "success", "paused": "warning", "off": "danger"}
DELIVERY_LABELS = {
    "queued": "info", "sending": "info", "sent": "success", "delivered": "success", "failed": "danger",
    "dead": "danger",
}  # fmt: skip


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ["user", "kind", "address", "shown_status", "failures", "last_error", "last_sent_at", "paused_until"]
    list_filter = ["kind", "is_enabled", ("verified_at", admin.EmptyFieldListFilter), "last_sent_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email", "address", "last_error"]
    exclude = ["sealed", "fingerprint", "code_hash"]

    @display(description="status", label=CHANNEL_LABELS)
    def shown_status(self, channel: Channel) -> str:
        return status_of_channel(channel).value


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What a notification says is its reader's business: here is only where it went."""

    list_display = [
        "created_at", "recipient", "kind", "purpose", "shown_state", "attempts", "reason", "due_at", "sent_at",
    ]  # fmt: skip
    list_filter = ["state", "kind", "purpose", "created_at"]
    list_select_related = ["recipient"]
    search_fields = ["id", "recipient__username", "recipient__email", "reason", "notification__id"]
    fields = [
        "id", "notification_id", "channel_id", "recipient", "kind", "purpose", "state", "in_digest", "batch",
        "attempts", "reason", "created_at", "due_at", "sent_at",
    ]  # fmt: skip
    actions = ["send_again"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("notifications.change_delivery"))

    @display(description="state", ordering="state", label=DELIVERY_LABELS)
    def shown_state(self, delivery: Delivery) -> str:
        return delivery.state

    @admin.action(description="Send again", permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = services.retry_deliveries(delivery_ids=queryset.values_list("pk", flat=True))
        self.message_user(request, f"{count} will be sent again.", messages.SUCCESS)


@admin.register(FanOut)
class FanOutAdmin(ReadOnlyAdmin):
    list_display = ["notification_id", "created_at", "after_channel", "attempts", "run_after", "is_dead", "last_error"]
    list_filter = ["is_dead"]
    search_fields = ["notification__id", "last_error"]
    fields = [
        "notification_id", "created_at", "after_channel", "attempts", "run_after", "is_dead", "last_error",
    ]  # fmt: skip
    actions = ["try_again"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("notifications.change_fanout"))

    @admin.action(description="Try again now", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[FanOut]) -> None:
        queryset.update(is_dead=False, attempts=0, run_after=clock.now())


@admin.register(Preferences)
class PreferencesAdmin(ReadOnlyAdmin):
    list_display = ["user", "created_at", "updated_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]


@admin.register(AnswerLink)
class AnswerLinkAdmin(ReadOnlyAdmin):
    list_display = ["recipient", "created_at", "expires_at", "used_at"]
    list_filter = [("used_at", admin.EmptyFieldListFilter)]
    list_select_related = ["delivery__recipient"]
    search_fields = ["delivery__recipient__username", "delivery__recipient__email"]
    fields = ["recipient", "created_at", "expires_at", "used_at"]

    @display(description="recipient")
    def recipient(self, link: AnswerLink) -> Any:
        return link.delivery.recipient
