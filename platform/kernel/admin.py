"""The floor's tables in the control panel: what is waiting, running, failed, and who did what."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateFilter
from unfold.decorators import display

from kernel import clock, jobs
from kernel.errors import DomainError
from kernel.models import AuditEntry, AuditHead, Job, Lease, PendingEvent, RememberedAnswer
from kernel.shown import TONES


class ReadOnlyAdmin(ModelAdmin):
    """Rows that the platform writes and people only look at."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["kind", "owner", "shown_status", "done", "message", "created_at", "finished_at"]
    list_filter = ["status", "kind"]
    list_select_related = ["owner"]
    search_fields = ["id", "kind", "owner__username"]
    actions = ["cancel_jobs"]

    @display(description="status", ordering="status", label=TONES)
    def shown_status(self, job: Job) -> str:
        return job.status

    @admin.display(description="progress", ordering="progress")
    def done(self, job: Job) -> str:
        return f"{job.progress:.0%}"

    @admin.action(description="Cancel")
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        for job in queryset:
            try:
                jobs.cancel(job=job)
            except DomainError as error:
                self.message_user(request, f"{job}: {error.message}", level="warning")


@admin.register(PendingEvent)
class PendingEventAdmin(ReadOnlyAdmin):
    list_display = ["name", "attempts", "run_after", "is_dead", "last_error"]
    list_filter = ["is_dead", "name"]
    actions = ["try_again"]

    @admin.action(description="Try again now")
    def try_again(self, request: HttpRequest, queryset: QuerySet[PendingEvent]) -> None:
        queryset.update(is_dead=False, attempts=0, run_after=clock.now())


@admin.register(Lease)
class LeaseAdmin(ReadOnlyAdmin):
    list_display = ["name", "holder", "fencing", "expires_at"]


@admin.register(RememberedAnswer)
class RememberedAnswerAdmin(ReadOnlyAdmin):
    list_display = ["user", "method", "route", "key", "status", "created_at"]
    search_fields = ["key", "route"]
    exclude = ["answer"]


class DayRangeFilter(RangeDateFilter):
    """From the beginning of the first day to the end of the last, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if first := self._day("from"):
            queryset = queryset.filter(**{f"{self.field_path}__gte": first})
        if last := self._day("to"):
            queryset = queryset.filter(**{f"{self.field_path}__lt": last + timedelta(days=1)})
        return queryset

    def _day(self, end: str) -> datetime | None:
        try:
            day = date.fromisoformat(str(self.used_parameters.get(f"{self.field_path}_{end}", "")))
        except ValueError:
            return None
        return datetime.combine(day, time.min, tzinfo=UTC)


@admin.register(AuditHead)
class AuditHeadAdmin(ReadOnlyAdmin):
    list_display = ["pk", "seq", "hash"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["seq", "at", "action", "actor_name", "target", "address", "request_id"]
    list_filter = ["action", ("actor_name", FieldTextFilter), ("at", DayRangeFilter)]
    list_filter_submit = True
    search_fields = ["target", "actor_name", "address", "request_id"]
    search_help_text = "target (user:7), actor, address, request"
    ordering = ["-seq"]
