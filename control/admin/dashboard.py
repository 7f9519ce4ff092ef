"""The first page of the control panel: how the system is, what waits for somebody, and what happened of late."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html

from accounts.models import KycSubmission, User
from accounts.models.kyc import SubmissionStatus
from control import selectors
from datafeed.models import Bar, Gap
from formulas.models import Deployment, DeploymentStatus, Signal
from kernel import clock
from kernel.models import Job, JobStatus, PendingEvent
from kernel.shown import TONES, moment, plain
from notifications.models import Delivery, DeliveryState

COUNTED_AT_MOST = 1_000
SHOWN = 8
LATELY = timedelta(hours=24)


class Figure(NamedTuple):
    """A number with the list behind it. `is_bad` where somebody should look."""

    title: str
    value: str
    note: str
    link: str
    is_bad: bool = False


class Table(NamedTuple):
    """Rows as unfold's table draws them: `{headers, rows}`."""

    title: str
    link: str
    table: dict[str, Any]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """`context` with what this person may see: `figures` and `tables`."""
    may: Callable[[str], bool] = request.user.has_perm
    return {**context, "title": "Overview", "figures": list(_figures(may)), "tables": list(_tables(may))}


def _figures(may: Callable[[str], bool]) -> Iterator[Figure]:
    for permission, figures in (
        ("accounts.view_kycsubmission", _of_identity),
        ("formulas.view_deployment", _of_deployments),
        ("formulas.view_signal", _of_signals),
        ("notifications.view_delivery", _of_deliveries),
        ("kernel.view_job", _of_jobs),
        ("kernel.view_pendingevent", _of_events),
        ("datafeed.view_gap", _of_gaps),
        ("accounts.view_user", _of_people),
    ):
        if may(permission):
            yield figures()


def _of_identity() -> Figure:
    waiting = _count(KycSubmission.objects.filter(status=SubmissionStatus.PENDING))
    return Figure("Identity checks", waiting, "waiting for a decision", _list("accounts_kycsubmission"), waiting != "0")


def _of_deployments() -> Figure:
    running = _count(Deployment.objects.filter(status=DeploymentStatus.RUNNING))
    failed = _count(Deployment.objects.filter(status=DeploymentStatus.FAILED))
    return Figure(
        "Deployments", running, f"running, {failed} failed", _list("formulas_deployment"), is_bad=failed != "0"
    )


def _of_signals() -> Figure:
    since = clock.now() - LATELY
    newest = Signal.objects.order_by("-pk").values_list("created_at", flat=True)[:COUNTED_AT_MOST]
    return Figure("Signals", _capped(sum(at >= since for at in newest)), "in 24 hours", _list("formulas_signal"))


def _of_deliveries() -> Figure:
    waiting = _count(Delivery.objects.open())
    dead = _count(Delivery.objects.filter(state=DeliveryState.DEAD))
    return Figure("Deliveries", waiting, f"waiting, {dead} given up", _list("notifications_delivery"), dead != "0")


def _of_jobs() -> Figure:
    busy = _count(Job.objects.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING]))
    failed = _count(Job.objects.filter(status=JobStatus.FAILED, created_at__gte=clock.now() - LATELY))
    return Figure(
        "Jobs", busy, f"queued or running, {failed} failed in 24 hours", _list("kernel_job"), is_bad=failed != "0"
    )


def _of_events() -> Figure:
    waiting, dead = (_count(PendingEvent.objects.filter(is_dead=is_dead)) for is_dead in (False, True))
    return Figure("Events", waiting, f"to be handled, {dead} given up", _list("kernel_pendingevent"), dead != "0")


def _of_gaps() -> Figure:
    count = _count(Gap.objects.open())
    return Figure("Gaps", count, "open in the record of bars", _list("datafeed_gap"), is_bad=count != "0")


def _of_people() -> Figure:
    return Figure("People", _count(User.objects.filter(is_active=True)), "may sign in", _list("accounts_user"))


def _tables(may: Callable[[str], bool]) -> Iterator[Table]:
    if may("kernel.view_job"):
        yield Table("Health", "", _health())
    if may("formulas.view_signal"):
        yield Table("Newest signals", _list("formulas_signal"), _newest_signals())
    if may("kernel.view_job"):
        yield Table("Newest jobs", _list("kernel_job"), _newest_jobs())
    if may("datafeed.view_bar"):
        yield Table("Newest bars", _list("datafeed_bar"), _newest_bars())


def _health() -> dict[str, Any]:
    parts = selectors.health()["components"]
    return {
        "headers": ["Part", "State", "It says"],
        "rows": [
            [part["name"], _state(part["status"]), part["detail"] or f"{part['latency_ms']} ms"] for part in parts
        ],
    }


def _state(word: str) -> str:
    return render_to_string("unfold/helpers/label.html", {"text": word, "type": TONES.get(word, "warning")})


def _newest_signals() -> dict[str, Any]:
    rows = Signal.objects.select_related("instrument", "formula").order_by("-pk")[:SHOWN]
    return {
        "headers": ["Raised (UTC)", "Side", "Instrument", "Price", "Formula"],
        "rows": [
            [
                f"{row.created_at:%H:%M:%S}",
                _state(row.side),
                f"{row.instrument.symbol} {row.resolution}",
                plain(row.price),
                row.formula.name,
            ]
            for row in rows
        ],
    }


def _newest_jobs() -> dict[str, Any]:
    rows = Job.objects.select_related("owner").order_by("-created_at")[:SHOWN]
    return {
        "headers": ["Began (UTC)", "Job", "Of", "Status"],
        "rows": [
            [
                f"{row.created_at:%Y-%m-%d %H:%M}",
                format_html('<a href="{}">{}</a>', reverse("admin:kernel_job_change", args=[row.pk]), row.kind),
                str(row.owner or "-"),
                _state(row.status),
            ]
            for row in rows
        ],
    }


def _newest_bars() -> dict[str, Any]:
    rows = Bar.objects.select_related("series__instrument").order_by("-pk")[:SHOWN]
    return {
        "headers": ["Bar of (UTC)", "Series", "Close", "Volume"],
        "rows": [[moment(row.opened_at), str(row.series), plain(row.close), plain(row.volume)] for row in rows],
    }


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


def _count(rows: QuerySet[Any]) -> str:
    """How many, up to a number beyond which nobody needs to know exactly: a table may hold millions."""
    return _capped(rows.order_by()[:COUNTED_AT_MOST].count())


def _capped(count: int) -> str:
    return f"{COUNTED_AT_MOST:,}+" if count >= COUNTED_AT_MOST else f"{count:,}"
