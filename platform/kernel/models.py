"""The tables of the floor: pending events, jobs, leases, remembered answers and the audit trail."""

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models

from kernel import clock
from kernel.permissions import ADMIN, OPERATOR, Person, has_role


class CreatedModel(models.Model):
    """A row that knows when it entered our database."""

    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True


class ChangedModel(CreatedModel):
    """A row that also knows when it last changed."""

    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class PendingEvent(CreatedModel):
    """A durable event whose handlers have not all succeeded yet."""

    name = models.CharField(max_length=100)
    payload = models.JSONField()
    handlers = models.JSONField(default=list)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField()
    is_dead = models.BooleanField(default=False, help_text="put aside after too many failures")
    last_error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["run_after"], condition=models.Q(is_dead=False), name="pending_event_due")]

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"


class Lease(models.Model):
    """Who may do what only one process may do, until when. `fencing` rises with every new holder."""

    name = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=100, blank=True)
    fencing = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class JobStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: Person) -> Self:
        """One's own; operators and administrators see all."""
        if has_role(user, OPERATOR):
            return self
        return self.filter(owner_id=user.pk) if user.pk else self.none()


class Job(CreatedModel):
    """Long work as a row: claimed with a lease, kept alive by a heartbeat, retried, and asked for its progress."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=50)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    parameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.QUEUED)
    progress = models.FloatField(default=0.0)
    message = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField(default=clock.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["status", "run_after"], name="job_due"),
            models.Index(fields=["owner", "-created_at"], name="job_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_over(self) -> bool:
        return self.status in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}


def _keep_until() -> Any:
    return clock.now() + timedelta(hours=24)


class RememberedAnswer(CreatedModel):
    """The first answer to a request that carried an `Idempotency-Key`, given again to its repeats."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    method = models.CharField(max_length=8)
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True)
    headers = models.JSONField(default=dict, blank=True)
    keep_until = models.DateTimeField(default=_keep_until)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "method", "route", "key"], name="one_answer_for_one_key")
        ]
        indexes = [models.Index(fields=["keep_until"], name="remembered_answer_old")]

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.key}"


class AppendOnly(TypeError):
    """Somebody tried to change or delete what has been written down for good; a fault of the code, not of a user."""


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, user: Person) -> Self:
        """Administrators alone."""
        return self if has_role(user, ADMIN) else self.none()

    def update(self, **kwargs: Any) -> int:
        raise AppendOnly("the audit trail is never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("the audit trail is never deleted from")

    def cut(self, through: int) -> int:
        """Forget the entries up to `through`; for `kernel.audit`, which writes down that it does."""
        return models.QuerySet.delete(self.filter(seq__lte=through))[0]


class AuditEntry(models.Model):
    """Who did what to whom, when and from where, for good: each row's hash covers the row before it.

    Names are text and no row points to another table, so that entries outlive the people in them.
    """

    seq = models.PositiveBigIntegerField(primary_key=True, help_text="without gaps, from 1")
    at = models.DateTimeField()
    action = models.CharField(max_length=100)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor_name = models.CharField(max_length=150, blank=True)
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-seq"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["at"], name="audit_entry_at"),
            models.Index(fields=["action", "-seq"], name="audit_entry_action"),
            models.Index(fields=["actor_id", "-seq"], name="audit_entry_actor"),
            models.Index(fields=["target", "-seq"], name="audit_entry_target"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.target}".rstrip()

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("an audit entry is never changed")
        super().save(**{**kwargs, "force_insert": True})

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        raise AppendOnly("an audit entry is never deleted")


class AuditHead(models.Model):
    """The end of the audit trail: one row, locked by whoever writes the next entry."""

    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"
