"""Portfolios in the control panel: looked at, never edited."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from kernel.admin import ReadOnlyAdmin
from portfolio.models import Fill, Position


class FillInline(TabularInline):
    model = Fill
    fields = ["filled_at", "quantity", "price", "realized_pnl"]
    readonly_fields = ["filled_at", "quantity", "price", "realized_pnl"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = ["user", "instrument", "formula", "quantity", "average_price", "realized_pnl", "opened_at"]
    list_filter = ["opened_at"]
    list_select_related = ["user", "instrument", "formula"]
    search_fields = ["user__username", "user__email", "instrument__symbol", "formula__name"]
    inlines = [FillInline]

    @admin.display(description="average price")
    def average_price(self, position: Position) -> str:
        return f"{position.average_price.normalize():f}"


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    list_display = ["position", "quantity", "price", "realized_pnl", "filled_at"]
    list_filter = ["filled_at"]
    list_select_related = ["position__instrument"]
    search_fields = ["position__user__username", "position__instrument__symbol"]
