"""Identity checks while everything happens at once: one truth is left, nobody waits for ever, nothing is left over."""

import itertools
import tempfile
import threading
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from accounts import services
from accounts.models import KycDocument, KycSubmission, User
from accounts.selectors import kyc_standing
from accounts.services import HandedIn
from accounts.tests.kyc_files import picture
from kernel import audit
from kernel.errors import DomainError
from kernel.models import AuditEntry, PendingEvent
from notifications.models import Notification

pytestmark = pytest.mark.django_db(transaction=True)

MakePerson = Callable[..., User]
Task = Callable[[], Any]


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    options = {"location": str(tmp_path), "base_url": None}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return tmp_path


def at_once(*tasks: Task) -> list[Any]:
    """What each of `tasks`, begun in the same moment, has answered; a refusal is an answer, a fault is not."""
    barrier, outcomes = threading.Barrier(len(tasks)), list[Any]([None] * len(tasks))

    def run(number: int) -> None:
        barrier.wait()
        try:
            outcomes[number] = tasks[number]()
        except BaseException as error:  # noqa: BLE001  told to the test below
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    if faults := [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, DomainError)]:
        raise faults[0]
    return outcomes


def anew(user: User) -> User:
    """Somebody as another request has read them."""
    return User.objects.get(pk=user.pk)


def upload(user: User, content: bytes) -> Task:
    mine = anew(user)

    def run() -> KycSubmission:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            document = HandedIn("passport", "a.jpg", file, len(content), sha256(content).hexdigest())
            return services.submit_documents(user=mine, documents=[document])

    return run


def waiting(user: User) -> KycSubmission:
    return KycSubmission.objects.create(user=user, version=1, status="pending")


def approve(submission: KycSubmission, reviewer: User) -> Task:
    mine = KycSubmission.objects.get(pk=submission.pk)
    return lambda: services.approve_kyc(submission=mine, reviewer=reviewer)


def reject(submission: KycSubmission, reviewer: User) -> Task:
    mine = KycSubmission.objects.get(pk=submission.pk)
    return lambda: services.reject_kyc(submission=mine, reviewer=reviewer, reason="Dark.")


def withdraw(user: User) -> Task:
    mine = anew(user)
    return lambda: services.withdraw_kyc(user=mine)


def erase(user: User) -> Task:
    mine = anew(user)
    return lambda: services.erase_kyc(user=mine)


def delete(user: User) -> Task:
    mine = anew(user)
    return lambda: services.delete_user(user=mine)


def refusals(outcomes: list[Any]) -> list[DomainError]:
    return [outcome for outcome in outcomes if isinstance(outcome, DomainError)]


def check_one_truth(user: User, store: Path) -> None:
    """What is said of the person is what their submissions say, and every file has its row and every row its file."""
    user.refresh_from_db()
    own = KycSubmission.objects.filter(user=user)
    assert user.kyc_status == kyc_standing(user)["status"]
    assert own.filter(status="pending").count() <= 1
    assert not own.filter(status="uploading").exists()
    files = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
    assert files == set(KycDocument.objects.values_list("storage_key", flat=True))
    assert audit.verify().broken_at is None
    assert not PendingEvent.objects.exists()


def test_whatever_is_done_to_one_person_at_once_leaves_one_truth(person: MakePerson, store: Path) -> None:
    ann, rea, rob = person("ann"), person("rea", role="reviewer"), person("rob", role="reviewer")
    contents = itertools.cycle(picture(size=(40 + number, 40)) for number in range(9))
    for _ in range(3):
        submission = upload(ann, next(contents))()
        outcomes = at_once(
            upload(ann, next(contents)),
            upload(ann, next(contents)),
            approve(submission, rea),
            reject(submission, rob),
            withdraw(ann),
            erase(ann),
        )
        assert {error.status for error in refusals(outcomes)} <= {HTTPStatus.CONFLICT}
        check_one_truth(ann, store)
    at_once(erase(ann), erase(ann))
    check_one_truth(ann, store)
    assert not KycDocument.objects.exists()
    told = Notification.objects.filter(type="kyc", stream__name=f"user:{ann.pk}")
    assert not [one for one in told if one.data["reason"] or "Dark" in one.message + one.text]


def test_a_person_can_be_deleted_whatever_is_done_to_them_at_once(person: MakePerson, store: Path) -> None:
    rea = person("rea", role="reviewer")
    for number in range(3):
        ann = person(f"ann{number}")
        services.begin_session(user=ann)
        services.create_api_key(user=ann, name="bot", scopes=["read"])
        submission = waiting(ann)
        outcomes = at_once(approve(submission, rea), upload(ann, picture()), erase(ann), delete(ann))
        assert {error.status for error in refusals(outcomes)} <= {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}
        assert outcomes[-1] is None
        assert not User.objects.filter(pk=ann.pk).exists()
    assert not [path for path in store.rglob("*") if path.is_file()]
    assert audit.verify().broken_at is None
    assert not PendingEvent.objects.exists()


def test_of_many_approvals_at_once_one_wins_and_the_others_are_told_of_it(person: MakePerson, store: Path) -> None:
    ann, reviewers = person("ann"), [person(f"rev{number}", role="reviewer") for number in range(5)]
    submission = waiting(ann)
    outcomes = at_once(*(approve(submission, reviewer) for reviewer in reviewers * 4))
    assert outcomes.count(True) == 1
    refused = refusals(outcomes)
    assert {(error.status, error.code) for error in refused} == {(HTTPStatus.CONFLICT, "kyc_already_decided")}
    assert len(refused) == 19
    assert AuditEntry.objects.filter(action="kyc.approved").count() == 1
    assert Notification.objects.filter(type="kyc").count() == 1
    check_one_truth(ann, store)


def test_of_many_approvals_of_two_reviewers_at_once_each_counts_once(
    person: MakePerson, store: Path, settings: Any
) -> None:
    settings.KYC_TWO_EYES = True
    ann, rea, rob = person("ann"), person("rea", role="reviewer"), person("rob", role="reviewer")
    submission = waiting(ann)
    outcomes = at_once(*(approve(submission, reviewer) for reviewer in [rea, rob] * 5))
    assert (outcomes.count(False), outcomes.count(True)) == (1, 1)
    codes = {error.code for error in refusals(outcomes)}
    assert codes <= {"kyc_already_decided", "kyc_second_reviewer_needed"}
    submission.refresh_from_db()
    assert {submission.reviewer, submission.second_reviewer} == {rea, rob}
    check_one_truth(ann, store)
