"""Formulas in the control panel."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from formulas.models import Backtest, Deployment, Formula, FormulaVersion, Review, Signal, Subscription, Tag
from formulas.services import set_deployment_status
from kernel.admin import ReadOnlyAdmin


class VersionInline(TabularInline):
    model = FormulaVersion
    fields = ["number", "code", "version_hash", "created_at"]
    readonly_fields = ["number", "code", "version_hash", "created_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Formula)
class FormulaAdmin(ModelAdmin):
    list_display = ["name", "author", "category", "is_public", "is_retired", "version", "performance_score"]
    list_filter = ["is_public", "is_retired", "category"]
    list_select_related = ["author", "version__formula"]
    search_fields = ["name", "description", "author__username", "author__email"]
    readonly_fields = ["author", "version", "performance_score", "created_at", "updated_at"]
    autocomplete_fields = ["tags"]
    inlines = [VersionInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A formula without compiled code could not exist; they are written in the editor or by the API.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Others may rely on it: retiring is the way.
        return False


@admin.register(FormulaVersion)
class FormulaVersionAdmin(ReadOnlyAdmin):
    list_display = ["formula", "number", "version_hash", "warmup_bars", "created_at"]
    list_select_related = ["formula"]
    search_fields = ["formula__name", "version_hash"]


@admin.register(Deployment)
class DeploymentAdmin(ModelAdmin):
    list_display = ["formula", "version", "instrument", "resolution", "status", "detail", "updated_at"]
    list_filter = ["status", "resolution"]
    list_select_related = ["formula", "version__formula", "instrument"]
    search_fields = ["formula__name", "instrument__symbol"]
    readonly_fields = [
        "formula",
        "version",
        "instrument",
        "resolution",
        "parameters",
        "detail",
        "warm_from",
        "evaluated_through",
        "created_at",
        "updated_at",
    ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Resuming is more than a new status: the service says from which bar on it acts again.
        set_deployment_status(deployment=obj, status=obj.status)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "side", "instrument", "resolution", "price", "formula"]
    list_filter = ["side", "resolution"]
    list_select_related = ["instrument", "formula"]
    search_fields = ["formula__name", "instrument__symbol"]


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "owner", "version", "instrument", "resolution"]
    list_select_related = ["owner", "version__formula", "instrument"]
    search_fields = ["owner__username", "formula__name", "instrument__symbol"]
    exclude = ["outcome"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["user", "formula", "is_active", "notify", "created_at"]
    list_filter = ["is_active", "notify"]
    list_select_related = ["user", "formula"]
    search_fields = ["user__username", "formula__name"]


@admin.register(Review)
class ReviewAdmin(ModelAdmin):
    list_display = ["formula", "user", "rating", "created_at"]
    list_filter = ["rating"]
    list_select_related = ["user", "formula"]
    search_fields = ["formula__name", "user__username", "comment"]
    readonly_fields = ["formula", "user", "created_at", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    search_fields = ["name"]
