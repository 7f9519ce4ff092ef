"""Market data in the control panel."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from datafeed import services
from datafeed.models import Bar, Instrument, Series
from kernel import clock

COUNTED_AT_MOST = 10_000


@admin.register(Instrument)
class InstrumentAdmin(ModelAdmin):
    list_display = ["symbol", "name", "exchange", "type", "currency", "session", "timezone", "is_active"]
    list_filter = ["is_active", "type", "exchange"]
    search_fields = ["symbol", "name"]
    readonly_fields = ["created_at", "updated_at"]

    def delete_model(self, request: HttpRequest, obj: Instrument) -> None:
        services.remove_instrument(instrument=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> None:
        for instrument in queryset:
            services.remove_instrument(instrument=instrument)


@admin.register(Series)
class SeriesAdmin(ModelAdmin):
    list_display = ["instrument", "resolution", "provider", "created_at"]
    list_filter = ["provider", "resolution"]
    list_select_related = ["instrument"]
    search_fields = ["instrument__symbol"]
    autocomplete_fields = ["instrument"]
    readonly_fields = ["created_at"]


class ShortPaginator(Paginator):  # type: ignore[type-arg]  # generic for the checker alone
    """Counts no further than a person would page, since there may be a hundred million rows."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:COUNTED_AT_MOST].count() if isinstance(rows, QuerySet) else len(rows)


@admin.register(Bar)
class BarAdmin(ModelAdmin):
    """Closed bars: to be looked at, never changed."""

    list_display = ["series", "opened", "open", "high", "low", "close", "volume"]
    list_filter = ["series__provider", "series__resolution"]
    list_select_related = ["series__instrument"]
    search_fields = ["=series__instrument__symbol"]
    ordering = ["-pk"]
    paginator = ShortPaginator
    show_full_result_count = False

    @admin.display(description="opened at (UTC)", ordering="opened_at")
    def opened(self, bar: Bar) -> str:
        return f"{clock.from_epoch(bar.opened_at):%Y-%m-%d %H:%M}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
