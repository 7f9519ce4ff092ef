"""The tables of identity checks: submissions, each a new version, and their documents."""

import secrets
import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models.people import User
from kernel import clock
from kernel.models import CreatedModel
from kernel.permissions import REVIEWER, Person, has_role
from kernel.rotation import sealed_column

LONGEST_FILENAME = 120
LONGEST_REASON = 500


class SubmissionStatus(models.TextChoices):
    """`uploading` is not there yet for anybody; `withdrawn` is what its owner took back, replaced or had erased."""

    UPLOADING = "uploading"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


DECIDED = (SubmissionStatus.APPROVED, SubmissionStatus.REJECTED)
# Those that say how their owner's check stands; the newest of them counts.
STANDING = (SubmissionStatus.PENDING, *DECIDED)


class DocumentType(models.TextChoices):
    PASSPORT = "passport"
    ID_CARD = "id_card", "Identity card"
    DRIVING_LICENCE = "driving_licence", "Driving licence"
    PROOF_OF_ADDRESS = "proof_of_address", "Proof of address"
    UNSPECIFIED = "unspecified"  # from clients that do not say; nobody can choose it


class Verdict(models.TextChoices):
    """What a virus scanner said; `unscanned` where none was configured, empty as long as nothing is known."""

    CLEAN = "clean"
    UNSCANNED = "unscanned"


class KycSubmissionQuerySet(models.QuerySet["KycSubmission"]):
    def visible_to(self, user: Person) -> Self:
        """One's own; reviewers and administrators see what others have handed in and not taken back."""
        if not user.is_authenticated:
            return self.none()
        complete = self.exclude(status=SubmissionStatus.UPLOADING)
        own = Q(user_id=user.pk)
        return complete.filter(own | Q(status__in=STANDING)) if has_role(user, REVIEWER) else complete.filter(own)

    def standing(self) -> Self:
        return self.filter(status__in=STANDING)


class KycSubmission(CreatedModel):
    """What somebody handed in at one time to show who they are, and what was decided on it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="kyc_submissions")
    version = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=SubmissionStatus.choices, default=SubmissionStatus.UPLOADING)
    submitted_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewer = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Who decided, or approved first where two have to.",
    )  # fmt: skip
    second_reviewer = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)

    objects = KycSubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "identity check"
        constraints = [
            models.UniqueConstraint(fields=["user", "version"], name="one_kyc_submission_for_one_version"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(status="pending"), name="one_pending_kyc_submission_for_one_user"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(status="uploading"), name="one_uploading_kyc_submission_for_one_user"
            ),
        ]
        indexes = [models.Index(fields=["status", "submitted_at"], name="kyc_submission_queue")]

    def __str__(self) -> str:
        return f"{self.user} · version {self.version}"


class KycDocumentQuerySet(models.QuerySet["KycDocument"]):
    def visible_to(self, user: Person) -> Self:
        """The documents of visible submissions; of none is shown what no verdict has been given on."""
        return self.filter(submission__in=KycSubmission.objects.visible_to(user)).exclude(verdict="")


def new_storage_key() -> str:
    """A name in the store that tells nothing and cannot be guessed."""
    return f"kyc/{secrets.token_hex(16)}"


class KycDocument(models.Model):
    """One file of a submission. `size` and `sha256` are of the file as handed in; what is kept is a cleaned copy.

    The copy is encrypted with a key of its own, kept here sealed: without the row the file cannot be read any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(KycSubmission, on_delete=models.CASCADE, related_name="documents")
    document_type = models.CharField(max_length=20, choices=DocumentType.choices)
    filename = models.CharField(max_length=LONGEST_FILENAME, help_text="Shown, and used for nothing else.")
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    kept_size = models.PositiveIntegerField(help_text="bytes of the cleaned copy")
    storage_key = models.CharField(max_length=80, unique=True, editable=False)
    wrapped_key = models.BinaryField()
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    uploaded_at = models.DateTimeField(default=clock.now)

    objects = KycDocumentQuerySet.as_manager()

    class Meta:
        ordering = ["uploaded_at", "pk"]

    def __str__(self) -> str:
        return f"{self.document_type} {self.pk}"

    @property
    def context(self) -> str:
        """What the key and every piece of the file are bound to."""
        return f"accounts.KycDocument:{self.pk}"


sealed_column(KycDocument, "wrapped_key", lambda document: str(document.context))
