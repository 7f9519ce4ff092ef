"""The control panel's first page and its side bar: what each role sees, and what it is told to look at."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import KycSubmission, User
from accounts.models.kyc import SubmissionStatus
from control.admin.dashboard import COUNTED_AT_MOST, Figure
from kernel import clock
from kernel.models import Job, JobStatus, PendingEvent
from kernel.shown import plain

pytestmark = pytest.mark.django_db

HOME = "/admin/"


@pytest.fixture
def panel_of(person: Callable[..., User]) -> Callable[[str], Client]:
    def opened(role: str) -> Client:
        client = Client()
        client.force_login(person(role, role=role))
        return client

    return opened


def figures(panel: Client) -> dict[str, Figure]:
    return {figure.title: figure for figure in panel.get(HOME).context["figures"]}


def links(panel: Client) -> set[str]:
    groups = panel.get(HOME).context["sidebar_navigation"]
    return {item["link"] for group in groups for item in group["items"]}


def test_each_role_sees_the_figures_of_what_it_may_look_at(panel_of: Callable[[str], Client]) -> None:
    assert set(figures(panel_of("operator"))) == {"Deployments", "Signals", "Deliveries", "Jobs", "Events", "Gaps"}
    assert set(figures(panel_of("reviewer"))) == {"Identity checks", "People"}
    assert set(figures(panel_of("admin"))) == {
        "Identity checks", "Deployments", "Signals", "Deliveries", "Jobs", "Events", "Gaps", "People",
    }  # fmt: skip


def test_a_reviewer_is_told_neither_of_the_systems_health_nor_of_its_signals(panel_of: Callable[[str], Client]) -> None:
    assert panel_of("reviewer").get(HOME).context["tables"] == []
    shown = [table.title for table in panel_of("operator").get(HOME).context["tables"]]
    assert shown == ["Health", "Newest signals", "Newest jobs", "Newest bars"]


def test_an_identity_check_that_waits_is_counted_and_marked(
    panel_of: Callable[[str], Client], person: Callable[..., User]
) -> None:
    panel = panel_of("reviewer")
    assert not figures(panel)["Identity checks"].is_bad
    for name, status in (("ann", SubmissionStatus.PENDING), ("bob", SubmissionStatus.APPROVED)):
        KycSubmission.objects.create(user=person(name), version=1, status=status)
    assert figures(panel)["Identity checks"][1:] == (
        "1", "waiting for a decision", reverse("admin:accounts_kycsubmission_changelist"), True,
    )  # fmt: skip


def test_what_has_failed_is_marked(panel_of: Callable[[str], Client]) -> None:
    panel = panel_of("operator")
    Job.objects.create(kind="formulas.backtest", status=JobStatus.QUEUED)
    assert (figures(panel)["Jobs"].value, figures(panel)["Jobs"].is_bad) == ("1", False)
    assert not figures(panel)["Events"].is_bad
    Job.objects.create(kind="formulas.backtest", status=JobStatus.FAILED)
    PendingEvent.objects.create(name="SignalRaised", payload={}, run_after=clock.now(), is_dead=True)
    assert (figures(panel)["Jobs"].value, figures(panel)["Jobs"].is_bad) == ("1", True)
    assert figures(panel)["Events"].is_bad


def test_nothing_is_counted_further_than_a_person_needs_to_know(panel_of: Callable[[str], Client]) -> None:
    panel = panel_of("operator")
    Job.objects.bulk_create(Job(kind="formulas.backtest") for _ in range(COUNTED_AT_MOST + 1))
    assert figures(panel)["Jobs"].value == "1,000+"


def test_the_side_bar_leads_to_every_list_that_one_may_see_and_to_no_other(panel_of: Callable[[str], Client]) -> None:
    admin, reviewer = panel_of("admin"), panel_of("reviewer")
    listed = {m["admin_url"] for app in admin.get(HOME).context["available_apps"] for m in app["models"]}
    assert links(admin) == {HOME, *listed}
    assert links(reviewer) == {
        HOME,
        *(reverse(f"admin:accounts_{name}_changelist") for name in ("user", "company", "kycsubmission", "kycdocument")),
    }


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("187.44000000", "187.44"),
        ("46704200.00000000", "46,704,200"),
        ("1E-8", "0.00000001"),
        ("0", "0"),
        ("-3.10", "-3.1"),
    ],
)
def test_decimals_are_shown_without_the_zeros_of_the_store(number: str, words: str) -> None:
    assert plain(Decimal(number)) == words
    assert plain(None) == "-"
