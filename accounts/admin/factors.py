"""Second factors in the control panel: who has which, and taking one away from somebody who has lost it."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import services
from kernel.admin import ReadOnlyAdmin

# allauth's own pages show what is secret, and addresses that nothing here uses.
admin.site.unregister([Authenticator, EmailAddress])


@admin.register(Authenticator)
class FactorAdmin(ReadOnlyAdmin):
    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type", "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    fields = ["user", "type", "created_at", "last_used_at"]
    actions = ["remove"]

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("mfa.delete_authenticator"))

    @admin.action(description="Remove", permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for factor in queryset.select_related("user"):
            services.remove_factor(factor=factor)
