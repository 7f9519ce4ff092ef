"""Invitations and mailed links in the control panel: that they were made, never what opens them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import services
from accounts.models import Invitation, MailedLink
from kernel.admin import ReadOnlyAdmin


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "company", "role", "invited_by", "created_at", "expires_at", "accepted_at"]
    list_filter = ["company", ("accepted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["company", "invited_by"]
    search_fields = ["email", "company__slug", "invited_by__username"]
    exclude = ["token_hash"]
    actions = ["withdraw"]

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("accounts.change_invitation"))

    @admin.action(description="Withdraw", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for invitation in queryset:
            services.withdraw_invitation(invitation=invitation)


@admin.register(MailedLink)
class MailedLinkAdmin(ReadOnlyAdmin):
    list_display = ["user", "kind", "created_at", "expires_at", "used_at"]
    list_filter = ["kind"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    exclude = ["token_hash"]
