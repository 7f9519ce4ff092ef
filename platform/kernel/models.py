"""The tables of the floor: pending events, jobs, leases and remembered answers."""

import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models

from kernel import clock
from kernel.permissions import OPERATOR, Person, has_role


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
