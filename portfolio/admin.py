"""Portfolios in the control panel: looked at, never edited."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from kernel.admin import ReadOnlyAdmin
from kernel.shown import plain
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
    list_display = ["user", "instrument", "formula", "size", "average_price", "profit", "opened_at"]
    list_filter = ["opened_at"]
    list_select_related = ["user", "instrument", "formula"]
    search_fields = ["user__username", "user__email", "instrument__symbol", "formula__name"]
    inlines = [FillInline]

    @admin.display(description="quantity", ordering="quantity")
    def size(self, position: Position) -> str:
        return plain(position.quantity)

    @admin.display(description="average price")
    def average_price(self, position: Position) -> str:
        return plain(position.average_price)

    @admin.display(description="realized profit", ordering="realized_pnl")
    def profit(self, position: Position) -> str:
        return plain(position.realized_pnl)


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    list_display = ["position", "size", "at", "profit", "filled_at"]
    list_filter = ["filled_at"]
    list_select_related = ["position__instrument"]
    search_fields = ["position__user__username", "position__instrument__symbol"]

    @admin.display(description="quantity", ordering="quantity")
    def size(self, fill: Fill) -> str:
        return plain(fill.quantity)

    @admin.display(description="price", ordering="price")
    def at(self, fill: Fill) -> str:
        return plain(fill.price)

    @admin.display(description="realized profit", ordering="realized_pnl")
    def profit(self, fill: Fill) -> str:
        return plain(fill.realized_pnl)
