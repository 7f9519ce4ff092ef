"""People in the control panel. Whatever changes who somebody is goes through the services, so that others hear."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import services
from accounts.models import Company, KycStatus, Session, User
from kernel.admin import ReadOnlyAdmin
from kernel.shown import TONES

# Roles decide what staff may do, and code decides what a role may do: groups are shown, not edited.
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    search_fields = ["name"]
    filter_horizontal = ["permissions"]


# What a browser says of itself, and what it is called; the most particular comes first.
BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "Mac",
    "Android": "Android",
    "Linux": "Linux",
}


class PasswordForm(AdminPasswordChangeForm):
    """Setting another's password ends their sessions."""

    def set_password_and_save(self, user: User, commit: bool = True, **kwargs: Any) -> User:
        usable = self.cleaned_data["set_usable_password"]
        services.set_password(user=user, password=self.cleaned_data["password1"] if usable else None)
        return user


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = ["username", "email", "company", "role", "identity", "is_active", "created_at", "last_login"]
    list_filter = ["role", "is_active", "company"]
    list_select_related = ["company"]
    search_fields = ["username", "email", "first_name", "last_name"]
    ordering = ["username"]
    filter_horizontal = []
    autocomplete_fields = ["company"]
    fieldsets = [
        (None, {"fields": ["username", "email", "email_confirmed_at", "awaits_confirmation", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "kyc_status"]}),
        ("Place", {"fields": ["company", "role", "is_active", "is_staff", "is_superuser"]}),
        ("Times", {"fields": ["created_at", "last_login"]}),
    ]
    add_fieldsets = (  # type: ignore[assignment]
        (None, {"fields": ["username", "email", "company", "role", "usable_password", "password1", "password2"]}),
    )

    @display(description="identity", ordering="kyc_status", label=TONES)
    def identity(self, user: User) -> str:
        return "" if user.kyc_status == KycStatus.NOT_SUBMITTED else str(user.kyc_status)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        facts = ["email_confirmed_at", "kyc_status", "is_staff", "created_at", "last_login"]
        return facts if request.user.is_superuser else [*facts, "is_superuser"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever could change a superuser could become one."""
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None or not obj.is_superuser or request.user.is_superuser

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            services.change_user(user=obj, changed=form.changed_data)
        else:
            services.insert_user(user=obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is read-only by itself, such as sessions, still goes with its owner."""
        objects, counts, _, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_user(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            services.delete_user(user=user)


@admin.register(Company)
class CompanyAdmin(ModelAdmin):
    list_display = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The slug is how others address the company: it stays."""
        return ["slug", "created_at"] if obj else ["created_at"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        services.store_company(company=obj)

    def delete_model(self, request: HttpRequest, obj: Company) -> None:
        services.delete_company(company=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        for company in queryset:
            services.delete_company(company=company)


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["user", "device", "address", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email", "address"]
    fields = ["id", "user", "address", "user_agent", "created_at", "last_used_at", "expires_at", "revoked_at"]
    actions = ["sign_out"]

    @admin.display(description="device", ordering="user_agent")
    def device(self, session: Session) -> str:
        said = session.user_agent
        browser = next((name for mark, name in BROWSERS.items() if mark in said), said.partition("/")[0])
        system = next((name for mark, name in SYSTEMS.items() if mark in said), "")
        return f"{browser} on {system}" if system else browser

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("accounts.change_session"))

    @admin.action(description="Sign out", permissions=["revoke"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        for session in queryset.live():  # type: ignore[attr-defined]
            services.revoke_session(session=session, reason="ended by staff")
