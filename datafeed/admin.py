"""Market data in the control panel."""

import re
from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from unfold.admin import ModelAdmin
from unfold.decorators import action

from datafeed import services
from datafeed.downloads import file_response
from datafeed.files import FORMATS, LARGEST_FILE
from datafeed.forms import AccountForm, BarsForm, FileForm
from datafeed.instrument_tables import COLUMNS, instrument_lines
from datafeed.long_lists import BarList, ShortPaginator
from datafeed.models import Bar, BarRevision, Gap, Instrument, ProviderAccount, Series
from datafeed.providers import find_provider
from datafeed.selectors.providers import account_values
from kernel.admin import ReadOnlyAdmin
from kernel.api.streams import PiecewiseResponse
from kernel.errors import DomainError
from kernel.models import Job
from kernel.permissions import OPERATOR, Person, has_role
from kernel.shown import moment, plain

_SERIES_AND_STAMP = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


class Limits:
    """Where the server looks for how large a request may be: at the `cls` of what answers an address."""

    body_limit = LARGEST_FILE + 2**20


def takes_file(page: Any) -> Any:
    """Let requests to `page` of the panel be larger than others."""
    page.cls = Limits
    return page


class ImportingAdmin(ModelAdmin):
    """A list with a page on which operators have a file taken in, which takes a job."""

    def has_import_permission(self, request: HttpRequest) -> bool:
        return has_role(cast(Person, request.user), OPERATOR)

    def import_page(
        self, request: HttpRequest, form: FileForm, explanation: str, begin: Callable[..., Job]
    ) -> HttpResponse:
        """The page, or the job's own once `begin(owner, file and fields of the form)` has enqueued it."""
        if request.method == "POST" and form.is_valid():
            try:
                job = begin(owner=request.user, **form.cleaned_data)
            except DomainError as error:
                form.take_errors(error)
            else:
                self.message_user(request, "The file is being imported; this page shows how far it is, and its result.")
                return redirect("admin:kernel_job_change", job.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": "Import",
            "opts": self.opts,
            "form": form,
            "explanation": explanation,
        }
        return render(request, "datafeed/import.html", context)


@admin.register(Instrument)
class InstrumentAdmin(ImportingAdmin):
    list_display = ["symbol", "name", "exchange", "type", "currency", "session", "timezone", "is_active"]
    list_filter = ["is_active", "type", "exchange"]
    search_fields = ["symbol", "name"]
    readonly_fields = ["created_at", "updated_at"]
    actions = ["export"]
    actions_list = ["import_instruments"]  # type: ignore[assignment]  # declared as an empty tuple there

    @takes_file  # type: ignore[operator]  # what is below is declared as no function
    @action(description="Import from a file", url_path="import", permissions=["import"])
    def import_instruments(self, request: HttpRequest) -> HttpResponse:
        form = FileForm(request.POST or None, request.FILES or None)
        explanation = (
            f"A table with the columns {', '.join(COLUMNS)}, of which symbol has to be there. An instrument that is "
            "known is changed in what the table says of it; a new one needs a name and an exchange. A row with a fault "
            "is left out, and the result names its line and field."
        )
        return self.import_page(request, form, explanation, services.enqueue_instruments)

    @admin.action(description="Export as CSV", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> PiecewiseResponse:
        headers = {"Content-Disposition": 'attachment; filename="instruments.csv"'}
        pieces = instrument_lines(queryset.iterator(chunk_size=1_000))
        return PiecewiseResponse(pieces, content_type=FORMATS["csv"], headers=headers)

    def delete_model(self, request: HttpRequest, obj: Instrument) -> None:
        services.remove_instrument(instrument=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> None:
        for instrument in queryset:
            services.remove_instrument(instrument=instrument)


@admin.register(Series)
class SeriesAdmin(ImportingAdmin):
    list_display = ["instrument", "resolution", "provider", "created_at"]
    list_filter = ["provider", "resolution"]
    list_select_related = ["instrument"]
    search_fields = ["instrument__symbol"]
    autocomplete_fields = ["instrument"]
    readonly_fields = ["created_at"]
    actions = ["export", "export_parquet"]
    actions_list = ["import_bars"]  # type: ignore[assignment]

    @takes_file  # type: ignore[operator]  # what is below is declared as no function
    @action(description="Import bars from a file", url_path="import", permissions=["import"])
    def import_bars(self, request: HttpRequest) -> HttpResponse:
        form = BarsForm(request.POST or None, request.FILES or None)
        explanation = (
            "Bars that are recorded already stay as they are. A row with a fault is left out, and the result names its "
            "line and what is wrong with which field."
        )
        return self.import_page(request, form, explanation, services.enqueue_import)

    @admin.action(description="Export the bars of one series as CSV", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Series]) -> PiecewiseResponse | None:
        return self._file(request, queryset, "csv")

    @admin.action(description="Export the bars of one series as Parquet", permissions=["view"])
    def export_parquet(self, request: HttpRequest, queryset: QuerySet[Series]) -> PiecewiseResponse | None:
        return self._file(request, queryset, "parquet")

    def _file(self, request: HttpRequest, queryset: QuerySet[Series], ending: str) -> PiecewiseResponse | None:
        series = list(queryset.select_related("instrument")[:2])
        if len(series) == 1:
            return file_response(series[0].instrument, series[0].resolution, format=ending)
        self.message_user(request, "Choose one series.", messages.ERROR)
        return None


@admin.register(Bar)
class BarAdmin(ModelAdmin):
    """Closed bars: to be looked at or deleted, never changed."""

    list_display = ["series", "opened", "first", "highest", "lowest", "last", "traded"]
    list_filter = ["series__provider", "series__resolution"]
    list_select_related = ["series__instrument"]
    search_fields = ["=series__instrument__symbol"]
    ordering = ["-series_id", "-opened_at"]  # the order of the index, since nothing else finds a page at once
    paginator = ShortPaginator
    show_full_result_count = False

    @admin.display(description="opened at (UTC)", ordering="opened_at")
    def opened(self, bar: Bar) -> str:
        return moment(bar.opened_at)

    @admin.display(description="open", ordering="open")
    def first(self, bar: Bar) -> str:
        return plain(bar.open)

    @admin.display(description="high", ordering="high")
    def highest(self, bar: Bar) -> str:
        return plain(bar.high)

    @admin.display(description="low", ordering="low")
    def lowest(self, bar: Bar) -> str:
        return plain(bar.low)

    @admin.display(description="close", ordering="close")
    def last(self, bar: Bar) -> str:
        return plain(bar.close)

    @admin.display(description="volume", ordering="volume")
    def traded(self, bar: Bar) -> str:
        return plain(bar.volume)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return BarList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Bar | None:
        if found := _SERIES_AND_STAMP.fullmatch(object_id):
            series_id, stamp = map(int, found.groups())
            return self.get_queryset(request).filter(series=series_id, opened_at=stamp).first()
        return super().get_object(request, object_id, from_field)

    def delete_model(self, request: HttpRequest, obj: Bar) -> None:
        services.remove_bars(bars=Bar.objects.filter(series=obj.series_id, opened_at=obj.opened_at))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Bar]) -> None:
        services.remove_bars(bars=queryset)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(BarRevision)
class BarRevisionAdmin(ReadOnlyAdmin):
    """What was said of closed bars afterwards."""

    list_display = ["series", "opened", "kept", "said", "source", "heard_at"]
    list_filter = ["source", "series__resolution"]
    list_select_related = ["series__instrument"]
    search_fields = ["=series__instrument__symbol"]
    paginator = ShortPaginator

    @admin.display(description="bar (UTC)", ordering="opened_at")
    def opened(self, revision: BarRevision) -> str:
        return moment(revision.opened_at)

    @admin.display(description="kept (open high low close volume)")
    def kept(self, revision: BarRevision) -> str:
        return _numbers(revision, "kept")

    @admin.display(description="said later")
    def said(self, revision: BarRevision) -> str:
        return _numbers(revision, "said")


def _numbers(revision: BarRevision, which: str) -> str:
    values = (getattr(revision, f"{which}_{name}") for name in ("open", "high", "low", "close", "volume"))
    return " ".join(plain(value) for value in values)


@admin.register(Gap)
class GapAdmin(ModelAdmin):
    """Holes in the record: to be looked at, and to be looked for again."""

    list_display = ["series", "first_missing", "before", "found_at", "tried_at", "filled_at", "reason"]
    list_filter = [("filled_at", admin.EmptyFieldListFilter), "series__provider", "series__resolution"]
    list_select_related = ["series__instrument"]
    search_fields = ["=series__instrument__symbol"]
    actions = ["look_again"]

    @admin.display(description="first missing (UTC)", ordering="since")
    def first_missing(self, gap: Gap) -> str:
        return moment(gap.since)

    @admin.display(description="before (UTC)", ordering="until")
    def before(self, gap: Gap) -> str:
        return moment(gap.until)

    @admin.action(description="Look for these bars again", permissions=["look_again"])
    def look_again(self, request: HttpRequest, queryset: QuerySet[Gap]) -> None:
        count = services.look_again(gaps=queryset)
        self.message_user(request, f"{count} gaps are looked for again within a minute.")

    def has_look_again_permission(self, request: HttpRequest) -> bool:
        return has_role(cast(Person, request.user), OPERATOR)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ModelAdmin):
    """Accounts at providers: made first, then told what their provider must know."""

    form = AccountForm
    list_display = ["key", "label", "is_enabled", "is_ready", "updated_at"]
    list_filter = ["kind", "is_enabled"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        provider = find_provider(obj.kind) if obj else None
        own = [f"value_{one.name}" for one in provider.fields] if provider else []
        return [(None, {"fields": ["kind", "name", "is_enabled", *own]})]

    def get_form(
        self, request: HttpRequest, obj: ProviderAccount | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "fields": AccountForm.Meta.fields})

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> list[str]:
        return ["kind", "name"] if obj else []  # series refer to both

    @admin.display(description="provider")
    def label(self, account: ProviderAccount) -> str:
        provider = find_provider(account.kind)
        return provider.label if provider else account.kind

    @admin.display(description="complete", boolean=True)
    def is_ready(self, account: ProviderAccount) -> bool:
        provider, known = find_provider(account.kind), account_values(account)
        return provider is not None and not any(one.fault(known.get(one.name, "")) for one in provider.fields)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        services.save_account(account=obj, values=form.values())

    def delete_model(self, request: HttpRequest, obj: ProviderAccount) -> None:
        services.remove_account(account=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProviderAccount]) -> None:
        for account in queryset:
            services.remove_account(account=account)
