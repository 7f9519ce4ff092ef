"""Deciding on identity checks: by whom, once, in the control panel, and who hears of it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.events import KycReviewed
from accounts.kyc.errors import AlreadyDecided, OwnDocuments, SecondReviewerNeeded
from accounts.models import KycDocument, KycSubmission, User
from accounts.tests.kyc_files import form, pdf, picture
from kernel.errors import Forbidden, Invalid
from kernel.models import AuditEntry

KYC = "/api/v1/auth/kyc"
PANEL = "/admin/accounts/kycsubmission/"
MakePerson = Callable[..., User]


@pytest.fixture(autouse=True)
def _store(settings: Any, tmp_path: Path) -> None:
    options = {"location": str(tmp_path), "base_url": None}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}


@pytest.fixture
def ann(person: MakePerson) -> User:
    return person("ann")


@pytest.fixture
def rea(person: MakePerson) -> User:
    return person("rea", role="reviewer")


@pytest.fixture
def rob(person: MakePerson) -> User:
    return person("rob", role="reviewer")


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is said to have been decided."""
    events: list[Any] = []
    monkeypatch.setattr("accounts.services.kyc_review.publish", events.append)
    return events


def hand_in(user: User, *contents: bytes) -> KycSubmission:
    client = APIClient()
    client.force_authenticate(user)
    answer = client.post(f"{KYC}/upload", form(*(contents or (picture(),))), format="multipart")
    assert answer.status_code == 201, answer.content
    return KycSubmission.objects.filter(user=user).latest("version")


def status_of(user: User) -> str:
    user.refresh_from_db()
    return str(user.kyc_status)


def panel(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def decide(client: Client, submission: KycSubmission, decision: str, reason: str = "") -> Any:
    body = {"decision": decision, "reason": reason}
    return client.post(f"{PANEL}{submission.pk}/decide/", body, follow=True)


def document_page(submission: KycSubmission) -> str:
    return f"{PANEL}{submission.pk}/documents/{submission.documents.get().pk}/"


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("seq").filter(action__startswith="kyc.").values_list("action", flat=True))


@pytest.mark.parametrize("role", ["user", "company_admin", "operator"])
def test_only_reviewers_and_administrators_decide(person: MakePerson, ann: User, role: str) -> None:
    submission, other = hand_in(ann), person("other", role=role)
    with pytest.raises(Forbidden):
        services.approve_kyc(submission=submission, reviewer=other)
    with pytest.raises(Forbidden):
        services.reject_kyc(submission=submission, reviewer=other, reason="no")
    assert status_of(ann) == "pending"


@pytest.mark.parametrize("role", ["reviewer", "admin"])
def test_nobody_decides_on_their_own_documents(person: MakePerson, role: str) -> None:
    rea = person("rea", role=role)
    submission = hand_in(rea)
    with pytest.raises(OwnDocuments):
        services.approve_kyc(submission=submission, reviewer=rea)
    client = panel(rea)
    assert client.get(f"{PANEL}{submission.pk}/change/").status_code == 403
    assert client.get(document_page(submission)).status_code == 403
    assert decide(client, submission, "approve").status_code == 403
    run = {"action": "approve_all", "_selected_action": [submission.pk], "reason": ""}
    client.post(PANEL, run)
    assert status_of(rea) == "pending"
    api = APIClient()
    api.force_authenticate(rea)
    own = api.get(f"{KYC}/documents/{submission.documents.get().pk}")
    assert own.status_code == 200, "as their owner they may read them"


def test_an_approval_is_heard_of_and_written_down(ann: User, rea: User, published: list[Any]) -> None:
    submission = hand_in(ann)
    assert services.approve_kyc(submission=submission, reviewer=rea)
    submission.refresh_from_db()
    assert (submission.status, submission.reviewer, submission.reason) == ("approved", rea, "")
    assert submission.reviewed_at
    assert status_of(ann) == "approved"
    assert published == [KycReviewed(user_id=ann.pk, submission_id=submission.pk, status="approved")]
    assert actions() == ["kyc.submitted", "kyc.approved"]
    entry = AuditEntry.objects.get(action="kyc.approved")
    assert (entry.actor_name, entry.target) == ("rea", f"kyc_submission:{submission.pk}")


def test_a_rejection_says_why(ann: User, rea: User, client_of: Any, published: list[Any]) -> None:
    submission = hand_in(ann)
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(Invalid):
            services.reject_kyc(submission=submission, reviewer=rea, reason=reason)
    services.reject_kyc(submission=submission, reviewer=rea, reason=" The photo is blurred. ")
    status = client_of(ann).get(f"{KYC}/status").json()
    assert (status["status"], status["reason"]) == ("rejected", "The photo is blurred.")
    assert status["reviewed_at"].endswith("Z")
    assert [event.status for event in published] == ["rejected"]
    assert "blurred" not in repr(published), "an event that failed is kept and cannot be erased"
    assert "blurred" not in str(AuditEntry.objects.get(action="kyc.rejected").detail), "the trail is not erasable"


def test_what_is_decided_stays_decided(ann: User, rea: User, rob: User) -> None:
    submission = hand_in(ann)
    services.approve_kyc(submission=submission, reviewer=rea)
    for attempt in (
        lambda: services.approve_kyc(submission=submission, reviewer=rob),
        lambda: services.reject_kyc(submission=submission, reviewer=rob, reason="no"),
        lambda: services.approve_kyc(submission=submission, reviewer=rea),
    ):
        with pytest.raises(AlreadyDecided):
            attempt()
    assert status_of(ann) == "approved"
    assert actions().count("kyc.approved") == 1


def test_a_decision_on_what_was_replaced_or_withdrawn_is_refused(ann: User, rea: User) -> None:
    old = hand_in(ann)
    new = hand_in(ann, pdf())
    with pytest.raises(AlreadyDecided):
        services.approve_kyc(submission=old, reviewer=rea)
    services.withdraw_kyc(user=ann)
    with pytest.raises(AlreadyDecided):
        services.approve_kyc(submission=new, reviewer=rea)
    assert status_of(ann) == "not_submitted"


def test_a_rejected_person_hands_in_anew_and_an_approved_one_keeps_it_when_withdrawing(ann: User, rea: User) -> None:
    services.reject_kyc(submission=hand_in(ann), reviewer=rea, reason="no")
    second = hand_in(ann)
    assert (second.version, status_of(ann)) == (2, "pending")
    services.approve_kyc(submission=second, reviewer=rea)
    hand_in(ann, pdf())
    assert status_of(ann) == "pending"
    services.withdraw_kyc(user=ann)
    assert status_of(ann) == "approved"


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_decides(person: MakePerson) -> None:
    ann, reviewers = person("ann"), [person(f"rev{number}", role="reviewer") for number in range(4)]
    submission = hand_in(ann)
    start, outcomes = threading.Barrier(4), []

    def run(number: int) -> None:
        mine = KycSubmission.objects.get(pk=submission.pk)
        start.wait()
        try:
            if number % 2:
                services.approve_kyc(submission=mine, reviewer=reviewers[number])
            else:
                services.reject_kyc(submission=mine, reviewer=reviewers[number], reason="no")
            outcomes.append(number)
        except AlreadyDecided:
            outcomes.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if outcome is not None]
    submission.refresh_from_db()
    assert submission.reviewer == reviewers[winner]
    assert status_of(ann) == submission.status == ("approved" if winner % 2 else "rejected")
    assert sorted(actions()) == sorted(["kyc.submitted", f"kyc.{submission.status}"])


def test_two_eyes_are_two_people_s(ann: User, rea: User, rob: User, settings: Any) -> None:
    settings.KYC_TWO_EYES = True
    submission = hand_in(ann)
    assert not services.approve_kyc(submission=submission, reviewer=rea)
    assert status_of(ann) == "pending"
    with pytest.raises(SecondReviewerNeeded):
        services.approve_kyc(submission=submission, reviewer=rea)
    assert services.approve_kyc(submission=submission, reviewer=rob)
    submission.refresh_from_db()
    assert (submission.reviewer, submission.second_reviewer, submission.status) == (rea, rob, "approved")
    assert status_of(ann) == "approved"
    assert actions() == ["kyc.submitted", "kyc.approved_first", "kyc.approved"]


def test_the_second_of_two_may_still_reject(ann: User, rea: User, rob: User, settings: Any) -> None:
    settings.KYC_TWO_EYES = True
    submission = hand_in(ann)
    services.approve_kyc(submission=submission, reviewer=rea)
    services.reject_kyc(submission=submission, reviewer=rob, reason="no")
    submission.refresh_from_db()
    assert (submission.reviewer, submission.second_reviewer) == (rea, rob)
    assert status_of(ann) == "rejected"


@pytest.mark.parametrize(
    ("role", "status"), [("user", 404), ("company_admin", 404), ("operator", 404), ("reviewer", 200), ("admin", 200)]
)
def test_whose_document_is_whose(person: MakePerson, client_of: Any, ann: User, role: str, status: int) -> None:
    document = hand_in(ann).documents.get()
    other = person("other", role=role)
    answer = client_of(other).get(f"{KYC}/documents/{document.pk}")
    assert answer.status_code == status
    assert client_of(None).get(f"{KYC}/documents/{document.pk}").status_code == 401
    viewed = AuditEntry.objects.filter(action="kyc.document_viewed")
    assert [entry.actor_name for entry in viewed] == (["other"] if status == 200 else [])
    assert client_of(ann).get(f"{KYC}/documents/{document.pk}").status_code == 200
    assert viewed.count() == (status == 200), "one's own reading is nobody's business"


def test_what_was_taken_back_is_its_owner_s_alone(ann: User, rea: User, client_of: Any) -> None:
    document = hand_in(ann).documents.get()
    services.withdraw_kyc(user=ann)
    assert client_of(rea).get(f"{KYC}/documents/{document.pk}").status_code == 404
    assert client_of(ann).get(f"{KYC}/documents/{document.pk}").status_code == 200


@pytest.mark.parametrize("guess", ["00000000-0000-4000-8000-000000000000", "1", "kyc", "../status"])
def test_a_guessed_document_does_not_exist(ann: User, client_of: Any, guess: str) -> None:
    assert client_of(ann).get(f"{KYC}/documents/{guess}").status_code == 404


def test_the_queue_shows_what_waits_the_oldest_first(person: MakePerson, ann: User, rea: User) -> None:
    bob = person("bob")
    hand_in(ann)
    hand_in(bob)
    services.approve_kyc(submission=hand_in(person("cat")), reviewer=rea)
    page = panel(rea).get(PANEL)
    shown = [submission.user.username for submission in page.context["cl"].result_list]
    assert shown == ["ann", "bob"]
    assert "0\xa0minutes" in page.content.decode()
    everything = panel(rea).get(PANEL, {"queue": "all"})
    assert len(everything.context["cl"].result_list) == 3
    assert panel(rea).get(PANEL, {"q": "bob"}).context["cl"].result_count == 1


def test_the_page_shows_the_documents_and_the_history(ann: User, rea: User) -> None:
    services.reject_kyc(submission=hand_in(ann), reviewer=rea, reason="Too dark.")
    submission = hand_in(ann, pdf())
    page = panel(rea).get(f"{PANEL}{submission.pk}/change/").content.decode()
    assert f'<iframe src="{document_page(submission)}"' in page
    assert "Too dark." in page
    assert "storage_key" not in page
    assert submission.documents.get().storage_key not in page


@pytest.mark.parametrize(("content", "kind"), [(picture(), "image/jpeg"), (pdf(), "application/pdf")])
def test_a_document_is_shown_in_place_and_nowhere_else(ann: User, rea: User, content: bytes, kind: str) -> None:
    submission = hand_in(ann, content)
    answer = panel(rea).get(document_page(submission))
    assert answer.status_code == 200
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (kind, "inline")
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"]
    assert len(b"".join(answer.streaming_content)) == int(answer["Content-Length"])
    entry = AuditEntry.objects.get(action="kyc.document_viewed")
    assert (entry.actor_name, entry.detail["user"]) == ("rea", ann.pk)


@pytest.mark.parametrize("role", ["user", "operator"])
def test_the_control_panel_keeps_others_out(person: MakePerson, ann: User, role: str) -> None:
    submission, client = hand_in(ann), panel(person("other", role=role))
    for page in (PANEL, f"{PANEL}{submission.pk}/change/", document_page(submission)):
        assert client.get(page).status_code in {302, 403}, page
    assert client.post(f"{PANEL}{submission.pk}/decide/", {"decision": "approve"}).status_code in {302, 403, 404}
    assert status_of(ann) == "pending"
    assert not AuditEntry.objects.filter(action="kyc.document_viewed").exists()


def test_the_list_of_documents_shows_nobody_their_own_and_no_key(ann: User, rea: User) -> None:
    theirs, mine = hand_in(ann).documents.get(), hand_in(rea).documents.get()
    client = panel(rea)
    page = client.get("/admin/accounts/kycdocument/")
    assert list(page.context["cl"].result_list) == [theirs]
    shown = client.get(f"/admin/accounts/kycdocument/{theirs.pk}/change/")
    assert shown.status_code == 200
    assert theirs.storage_key not in shown.content.decode()
    assert "rapped key" not in shown.content.decode()
    assert client.get(f"/admin/accounts/kycdocument/{mine.pk}/change/").status_code == 302


def test_a_decision_in_the_panel(ann: User, rea: User, rob: User) -> None:
    submission = hand_in(ann)
    client = panel(rea)
    assert client.get(f"{PANEL}{submission.pk}/decide/").status_code == 405
    assert "A reason of at most" in decide(client, submission, "reject").content.decode()
    assert status_of(ann) == "pending"
    assert "rejected." in decide(client, submission, "reject", "Too dark.").content.decode()
    assert status_of(ann) == "rejected"
    late = decide(panel(rob), submission, "approve")
    assert "not waiting for a decision any more" in late.content.decode()
    assert status_of(ann) == "rejected"


def test_a_forged_decision_from_another_site_is_refused(ann: User, rea: User) -> None:
    submission = hand_in(ann)
    client = Client(enforce_csrf_checks=True)
    client.force_login(rea)
    assert client.post(f"{PANEL}{submission.pk}/decide/", {"decision": "approve"}).status_code == 403
    assert status_of(ann) == "pending"


def test_several_are_decided_at_once_and_what_is_refused_of_one_holds_up_no_other(
    person: MakePerson, ann: User, rea: User
) -> None:
    mine, theirs, bobs = hand_in(rea), hand_in(ann), hand_in(person("bob"))
    run = {"action": "approve_all", "_selected_action": [mine.pk, theirs.pk, bobs.pk], "reason": ""}
    page = panel(rea).post(PANEL, run, follow=True).content.decode()
    assert "Nobody reviews their own documents" in page
    assert set(KycSubmission.objects.filter(status="approved")) == {theirs, bobs}
    assert status_of(rea) == "pending"


def test_several_are_rejected_for_one_reason(person: MakePerson, ann: User, rea: User) -> None:
    both = [hand_in(ann).pk, hand_in(person("bob")).pk]
    run = {"action": "reject_all", "_selected_action": both, "reason": ""}
    client = panel(rea)
    assert "A reason of at most" in client.post(PANEL, run, follow=True).content.decode()
    assert status_of(ann) == "pending"
    client.post(PANEL, {**run, "reason": "Expired."})
    assert set(KycSubmission.objects.values_list("status", "reason")) == {("rejected", "Expired.")}


def test_deleting_a_person_deletes_their_documents(
    ann: User, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    hand_in(ann)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_user(user=ann)
    assert not KycDocument.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
