"""Reviewing identity checks in the control panel: a queue, the documents in place, a decision, the history."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.timesince import timesince
from unfold.decorators import display
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import services
from accounts.models import KycDocument, KycSubmission, SubmissionStatus
from accounts.models.kyc import LONGEST_REASON
from kernel import clock
from kernel.admin import ReadOnlyAdmin
from kernel.api.streams import PiecewiseResponse
from kernel.errors import DomainError, Forbidden, Invalid, NotFound

CHANGE = "accounts.change_kycsubmission"
LABELS = {"pending": "warning", "approved": "success", "rejected": "danger"}
# Shown inside our own page and nowhere else; nothing in a document may load or run anything.
SHOWN_INSIDE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
SHOWN_IMAGE = SHOWN_INSIDE + "; img-src 'self'; sandbox"
# Without `sandbox`, which keeps browsers from showing a PDF at all; their viewers are sandboxes themselves.
SHOWN_PDF = SHOWN_INSIDE + "; object-src 'self'"


class QueueFilter(admin.SimpleListFilter):
    """What waits, unless something else is asked for."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("approved", "Approved"), ("rejected", "Rejected"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        for value, title in [(None, "Waiting"), *self.lookup_choices]:
            query = changelist.get_query_string({self.parameter_name: value}) if value else (
                changelist.get_query_string(remove=[self.parameter_name])
            )  # fmt: skip
            yield {"selected": self.value() == value, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value() or SubmissionStatus.PENDING
        return queryset if wanted == "all" else queryset.filter(status=wanted)


class DecisionForm(ActionForm):
    """The actions on several, with the reason that a rejection needs."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget({"placeholder": "Reason, to reject", "aria-label": "Reason"}),
    )


@admin.register(KycSubmission)
class KycSubmissionAdmin(ReadOnlyAdmin):
    list_display = ["user", "version", "shown_status", "waiting", "files", "reviewer", "second_reviewer", "reviewed_at"]
    list_filter = [QueueFilter, "submitted_at"]
    list_select_related = ["user", "reviewer", "second_reviewer"]
    search_fields = ["user__username", "user__email", "user__first_name", "user__last_name"]
    ordering = ["submitted_at"]
    fields = [
        "user",
        "applicant",
        "version",
        "shown_status",
        "submitted_at",
        "reviewer",
        "second_reviewer",
        "reviewed_at",
        "reason",
    ]
    actions = ["approve_all", "reject_all"]
    action_form = DecisionForm
    change_form_outer_after_template = "accounts/kyc_review.html"  # type: ignore[assignment]

    def get_queryset(self, request: HttpRequest) -> QuerySet[KycSubmission]:
        visible = KycSubmission.objects.visible_to(request.user).order_by("submitted_at")
        return visible.annotate(number_of_files=Count("documents"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never one's own: those who review are reviewed by others."""
        return super().has_view_permission(request, obj) and (obj is None or obj.user_id != request.user.pk)

    def has_review_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(CHANGE))

    @display(description="status", ordering="status", label=LABELS)
    def shown_status(self, submission: KycSubmission) -> str:
        return submission.status

    @display(description="waiting for", ordering="submitted_at")
    def waiting(self, submission: KycSubmission) -> str:
        if submission.status != SubmissionStatus.PENDING or submission.submitted_at is None:
            return ""
        return timesince(submission.submitted_at, clock.now(), depth=1)

    @display(description="applicant")
    def applicant(self, submission: KycSubmission) -> str:
        """What the documents have to agree with."""
        user = submission.user
        return f"{user.get_full_name() or 'no name given'}, {user.email}"

    @display(description="files", ordering="number_of_files")
    def files(self, submission: Any) -> int:
        return int(submission.number_of_files)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:pk>/decide/", self.admin_site.admin_view(self.decide), name="kyc_decide"),
            path(
                "<int:pk>/documents/<uuid:document_id>/",
                self.admin_site.admin_view(self.document),
                name="kyc_document",
            ),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        submission = self.get_object(request, object_id)
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **self._review(request, submission)}
        )

    def _review(self, request: HttpRequest, submission: Any) -> dict[str, Any]:
        if submission is None:
            return {}
        waits = submission.status == SubmissionStatus.PENDING
        return {
            "documents": KycDocument.objects.filter(submission=submission).exclude(verdict=""),
            "history": submission.user.kyc_submissions.select_related("reviewer", "second_reviewer"),
            "may_decide": waits and self.has_review_permission(request),
            "has_first_approval": waits and submission.reviewer is not None,
            "longest_reason": LONGEST_REASON,
        }

    def document(self, request: HttpRequest, pk: int, document_id: Any) -> Any:
        """One document, for the page around it; that it was looked at is written down."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            document, pieces = services.open_document(
                reader=request.user,  # type: ignore[arg-type]  # the control panel lets in users alone
                document_id=document_id,
                reviewing=True,
            )
        except NotFound:
            raise Http404 from None
        except Forbidden:
            raise PermissionDenied from None
        except DomainError as error:
            return HttpResponse(error.message, status=error.status, content_type="text/plain", headers=error.headers)
        is_pdf = document.content_type == "application/pdf"
        headers = {
            "Content-Length": str(document.kept_size),
            "Content-Disposition": "inline",
            "Content-Security-Policy": SHOWN_PDF if is_pdf else SHOWN_IMAGE,
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "no-store",
        }
        return PiecewiseResponse(pieces, content_type=document.content_type, headers=headers)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Approve or reject one, from its page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        submission = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_review_permission(request):
            raise PermissionDenied
        rejects = request.POST.get("decision") == "reject"
        try:
            text = self._decide(request, submission, rejects=rejects)
        except Forbidden:
            raise PermissionDenied from None
        except DomainError as error:
            self.message_user(request, _said(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:accounts_kycsubmission_change", args=[pk]))
        self.message_user(request, f"{submission}: {text}", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:accounts_kycsubmission_changelist"))

    def _decide(self, request: HttpRequest, submission: KycSubmission, *, rejects: bool) -> str:
        reviewer: Any = request.user
        if rejects:
            services.reject_kyc(submission=submission, reviewer=reviewer, reason=request.POST.get("reason", ""))
            return "rejected."
        decided = services.approve_kyc(submission=submission, reviewer=reviewer)
        return "approved." if decided else "approved by you; a second reviewer has to agree."

    @admin.action(description="Approve", permissions=["review"])
    def approve_all(self, request: HttpRequest, queryset: QuerySet[KycSubmission]) -> None:
        self._decide_each(request, queryset, rejects=False)

    @admin.action(description="Reject for the reason beside", permissions=["review"])
    def reject_all(self, request: HttpRequest, queryset: QuerySet[KycSubmission]) -> None:
        self._decide_each(request, queryset, rejects=True)

    def _decide_each(self, request: HttpRequest, queryset: QuerySet[KycSubmission], *, rejects: bool) -> None:
        """Each by itself: what is refused of one does not hold up the others."""
        for submission in queryset.select_related("user"):
            try:
                text = self._decide(request, submission, rejects=rejects)
            except DomainError as error:
                self.message_user(request, f"{submission}: {_said(error)}", messages.WARNING)
            else:
                self.message_user(request, f"{submission}: {text}", messages.SUCCESS)


@admin.register(KycDocument)
class KycDocumentAdmin(ReadOnlyAdmin):
    """What has been handed in, without the files and what opens them: those are on the page of their check."""

    list_display = ["submission", "document_type", "content_type", "kept_size", "verdict", "uploaded_at"]
    list_filter = ["document_type", "content_type", "verdict", "uploaded_at"]
    list_select_related = ["submission__user"]
    search_fields = ["submission__user__username", "submission__user__email", "sha256"]
    exclude = ["filename", "storage_key", "wrapped_key"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[KycDocument]:
        reader: Any = request.user
        return KycDocument.objects.visible_to(reader).exclude(submission__user=reader)


def _said(error: DomainError) -> str:
    """What a person can do about it."""
    if isinstance(error, Invalid) and error.errors:
        return " ".join(str(message) for texts in error.errors.values() for message in texts)
    return error.message
