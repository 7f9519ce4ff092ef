"""What follows from an identity check in other apps: its owner is told, and may publish."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.contrib.admin.models import LogEntry
from rest_framework.test import APIClient

from accounts import services
from accounts.events import KycReviewed
from accounts.kyc.errors import KycRequired
from accounts.models import KycSubmission, User
from accounts.selectors import require_kyc
from accounts.tests.kyc_files import form, picture
from formulas.services import change_formula, create_formula
from kernel.models import AuditEntry, Job, PendingEvent
from notifications.handlers import tell_of_review
from notifications.models import Notification

CODE = "if rsi < 30: buy()"


@pytest.fixture(autouse=True)
def _store(settings: Any, tmp_path: Path) -> None:
    options = {"location": str(tmp_path), "base_url": None}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}


@pytest.fixture
def ann(person: Callable[..., User]) -> User:
    return person("ann")


@pytest.fixture
def rea(person: Callable[..., User]) -> User:
    return person("rea", role="reviewer")


def hand_in(user: User) -> KycSubmission:
    client = APIClient()
    client.force_authenticate(user)
    answer = client.post("/api/v1/auth/kyc/upload", form(picture()), format="multipart")
    assert answer.status_code == 201, answer.content
    return KycSubmission.objects.get(user=user)


def test_an_approval_arrives_in_the_applicant_s_inbox(
    ann: User, rea: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.approve_kyc(submission=hand_in(ann), reviewer=rea)
    told = Notification.objects.get(type="kyc")
    assert told.stream.name == f"user:{ann.pk}"
    assert told.data == {"status": "approved", "reason": ""}


def test_a_rejection_arrives_with_its_reason(ann: User, rea: User, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.reject_kyc(submission=hand_in(ann), reviewer=rea, reason="Too dark.")
    told = Notification.objects.get(type="kyc")
    assert told.message == "Too dark. You can hand in new ones."
    assert told.data == {"status": "rejected", "reason": "Too dark."}


def test_a_decision_is_told_once_however_often_its_event_is_handled(ann: User, rea: User) -> None:
    event = KycReviewed(user_id=ann.pk, submission_id=1, status="approved")
    tell_of_review(event)
    tell_of_review(event)
    assert Notification.objects.filter(type="kyc").count() == 1


def everything_told() -> str:
    """Whatever is kept outside of the identity check itself and could hold its words."""
    kept = [Notification, PendingEvent, Job, AuditEntry, LogEntry]
    return repr([list(model._default_manager.values()) for model in kept])


def test_erasure_takes_the_reason_out_of_the_inbox_and_of_what_sockets_send_again(
    ann: User, rea: User, client_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.reject_kyc(submission=hand_in(ann), reviewer=rea, reason="Ann's face is not seen")
    before = Notification.objects.get(type="kyc")
    assert "face" in before.text
    with django_capture_on_commit_callbacks(execute=True):
        assert client_of(ann).delete("/api/v1/auth/kyc").status_code == 204
    after = Notification.objects.get(type="kyc")
    assert (after.title, after.message) == ("Your documents were not accepted", "You can hand in new ones.")
    assert after.data == {"status": "rejected", "reason": ""}
    sent, shown = (msgspec.json.decode(row.text) for row in (before, after))
    assert (shown["event_id"], shown["seq"], shown["ts"]) == (sent["event_id"], sent["seq"], sent["ts"])
    assert shown["payload"]["message"] == after.message
    assert "face" not in everything_told()


def test_others_keep_the_reasons_they_were_told(
    ann: User, rea: User, person: Callable[..., User], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.reject_kyc(submission=hand_in(person("ben")), reviewer=rea, reason="Too dark.")
        services.reject_kyc(submission=hand_in(ann), reviewer=rea, reason="Too bright.")
        services.erase_kyc(user=ann)
    reasons = Notification.objects.filter(type="kyc").values_list("data__reason", flat=True)
    assert sorted(reasons) == ["", "Too dark."]


def test_a_decision_that_is_told_late_does_not_bring_back_what_was_erased(
    ann: User, rea: User, django_capture_on_commit_callbacks: Any
) -> None:
    submission = hand_in(ann)
    services.reject_kyc(submission=submission, reviewer=rea, reason="Too dark.")
    assert "dark" not in everything_told(), "what waits to be told cannot be erased"
    services.erase_kyc(user=ann)
    tell_of_review(KycReviewed(user_id=ann.pk, submission_id=submission.pk, status="rejected"))
    assert Notification.objects.get(type="kyc").message == "You can hand in new ones."
    tell_of_review(KycReviewed(user_id=999_999, submission_id=submission.pk, status="rejected"))


def test_what_needs_an_identity_waits_for_its_approval(ann: User, rea: User, settings: Any) -> None:
    require_kyc(ann, "publish")
    settings.KYC_REQUIRED_FOR = frozenset({"publish"})
    with pytest.raises(KycRequired):
        create_formula(author=ann, name="Open", formula_code=CODE, is_public=True)
    formula = create_formula(author=ann, name="Closed", formula_code=CODE, is_public=False)
    with pytest.raises(KycRequired):
        change_formula(formula=formula, is_public=True)
    change_formula(formula=formula, name="Still closed")
    require_kyc(ann, "live_trading")
    services.approve_kyc(submission=hand_in(ann), reviewer=rea)
    ann.refresh_from_db()
    formula.author.refresh_from_db()
    assert change_formula(formula=formula, is_public=True).is_public


def test_the_refusal_to_publish_has_a_code(ann: User, client_of: Any, settings: Any) -> None:
    settings.KYC_REQUIRED_FOR = frozenset({"publish"})
    body = {"name": "Open", "formula_code": CODE, "is_public": True}
    answer = client_of(ann).post("/api/v1/formulas/", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "kyc_required")
