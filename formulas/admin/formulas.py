"""Formulas, what runs them and who follows them, in the control panel."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from formulas.disclosure import open_code
from formulas.models import Deployment, Formula, FormulaVersion, Review, Signal, Subscription, Tag
from formulas.services import change_review, retire_formula, set_deployment_status
from kernel.admin import ReadOnlyAdmin
from kernel.shown import TONES, moment, plain


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
    list_display = [
        "name",
        "author",
        "category",
        "state",
        "number",
        "score",
        "total_subscribers",
        "rating",
    ]
    list_filter = ["is_public", "is_retired", "category"]
    list_select_related = ["author", "version"]
    search_fields = ["name", "description", "author__username", "author__email"]
    readonly_fields = [
        "is_retired",
        "author",
        "number",
        "score",
        "total_subscribers",
        "total_reviews",
        "rating",
        "created_at",
        "updated_at",
    ]
    autocomplete_fields = ["tags"]
    inlines = [VersionInline]
    actions = ["retire"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Formula | None:
        formula = super().get_object(request, object_id, from_field)
        if formula is not None:
            open_code(request.user, formula)
        return formula

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("formulas.change_formula"))

    @admin.action(description="Retire: stop it and take it out of the marketplace", permissions=["retire"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Formula]) -> None:
        for formula in queryset:
            retire_formula(formula=formula)

    @display(description="state", ordering="is_public", label=TONES)
    def state(self, formula: Formula) -> str:
        if formula.is_retired:
            return "retired"
        return "public" if formula.is_public else "private"

    @admin.display(description="version")
    def number(self, formula: Formula) -> str:
        return "-" if formula.version is None else str(formula.version.number)

    @admin.display(description="score", ordering="score_rank")
    def score(self, formula: Formula) -> str:
        return "unrated" if formula.performance_score is None else plain(formula.performance_score)

    @admin.display(description="rating", ordering="rating_rank")
    def rating(self, formula: Formula) -> str:
        return "-" if formula.average_rating is None else f"{formula.average_rating:.1f} ({formula.total_reviews})"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Only what was edited: score and counts may have moved since the page was opened.
        edited = [name for name in form.changed_data if name != "tags"]
        obj.save(update_fields=[*edited, "updated_at"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A formula without compiled code could not exist; they are written in the editor or by the API.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Others may rely on it: retiring is the way.
        return False


@admin.register(FormulaVersion)
class FormulaVersionAdmin(ReadOnlyAdmin):
    list_display = ["formula", "number", "short_hash", "warmup_bars", "created_at"]
    list_select_related = ["formula"]
    search_fields = ["formula__name", "version_hash"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> FormulaVersion | None:
        version = super().get_object(request, object_id, from_field)
        if version is not None:
            open_code(request.user, version.formula)
        return version

    @admin.display(description="hash", ordering="version_hash")
    def short_hash(self, version: FormulaVersion) -> str:
        return version.version_hash[:12]


@admin.register(Deployment)
class DeploymentAdmin(ModelAdmin):
    list_display = ["formula", "number", "instrument", "resolution", "shown_status", "last_bar", "detail", "updated_at"]
    list_filter = ["status", "resolution"]
    list_select_related = ["formula", "version", "instrument"]
    search_fields = ["formula__name", "instrument__symbol"]
    exclude = ["version"]
    readonly_fields = [
        "formula",
        "number",
        "instrument",
        "resolution",
        "parameters",
        "detail",
        "is_warming",
        "first_bar",
        "last_bar",
        "stale_since",
        "created_at",
        "updated_at",
    ]

    @display(description="status", ordering="status", label=TONES)
    def shown_status(self, deployment: Deployment) -> str:
        return deployment.status

    @admin.display(description="version")
    def number(self, deployment: Deployment) -> str:
        return str(deployment.version.number)

    @admin.display(description="runs from the bar of (UTC)")
    def first_bar(self, deployment: Deployment) -> str:
        return moment(deployment.warm_from)

    @admin.display(description="last bar (UTC)", ordering="evaluated_through")
    def last_bar(self, deployment: Deployment) -> str:
        return moment(deployment.evaluated_through)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Resuming is more than a new status: the service says from which bar on it acts again.
        set_deployment_status(deployment=obj, status=obj.status)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "shown_side", "instrument", "resolution", "at", "bar", "formula"]
    list_filter = ["side", "resolution"]
    list_select_related = ["instrument", "formula"]
    search_fields = ["formula__name", "instrument__symbol"]
    fields = [
        "formula",
        "version",
        "deployment",
        "instrument",
        "resolution",
        "side",
        "action",
        "at",
        "share",
        "bar",
        "closed",
        "reason",
        "hash",
        "created_at",
    ]

    @display(description="side", ordering="side", label=TONES)
    def shown_side(self, signal: Signal) -> str:
        return signal.side

    @admin.display(description="price", ordering="price")
    def at(self, signal: Signal) -> str:
        return plain(signal.price)

    @admin.display(description="share of equity")
    def share(self, signal: Signal) -> str:
        return plain(signal.strength)

    @admin.display(description="bar of (UTC)", ordering="bar_time")
    def bar(self, signal: Signal) -> str:
        return moment(signal.bar_time)

    @admin.display(description="bar closed (UTC)", ordering="closed_at")
    def closed(self, signal: Signal) -> str:
        return moment(signal.closed_at)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["user", "formula", "is_active", "notify", "created_at"]
    list_filter = ["is_active", "notify"]
    list_select_related = ["user", "formula"]
    search_fields = ["user__username", "formula__name"]


@admin.register(Review)
class ReviewAdmin(ModelAdmin):
    list_display = ["formula", "user", "rating", "is_anonymous", "created_at"]
    list_filter = ["rating"]
    list_select_related = ["user", "formula"]
    search_fields = ["formula__name", "user__username", "comment"]
    readonly_fields = ["formula", "user", "created_at", "updated_at"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        change_review(review=obj, **{name: form.cleaned_data[name] for name in form.changed_data})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    search_fields = ["name"]
