"""What follows from an identity check in other apps: its owner is told, and may publish."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.events import KycReviewed
from accounts.kyc.errors import KycRequired
from accounts.models import KycSubmission, User
from accounts.selectors import require_kyc
from accounts.tests.kyc_files import form, picture
from formulas.services import change_formula, create_formula
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
    event = KycReviewed(user_id=ann.pk, submission_id=1, status="approved", reason="")
    tell_of_review(event)
    tell_of_review(event)
    assert Notification.objects.filter(type="kyc").count() == 1


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
