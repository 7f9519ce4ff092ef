"""The tables of accounts."""

from accounts.models.keys import ApiKey, ApiKeyQuerySet
from accounts.models.kyc import (
    STANDING,
    DocumentType,
    KycDocument,
    KycDocumentQuerySet,
    KycSubmission,
    KycSubmissionQuerySet,
    SubmissionStatus,
    Verdict,
)
from accounts.models.links import Invitation, InvitationQuerySet, MailedLink, MailedLinkQuerySet, MailKind
from accounts.models.people import (
    LONGEST_USER_AGENT,
    STAFF_ROLES,
    Company,
    CompanyQuerySet,
    KycStatus,
    Role,
    Session,
    SessionQuerySet,
    User,
    UserManager,
    UserQuerySet,
    normal_email,
)

__all__ = [
    "LONGEST_USER_AGENT",
    "STAFF_ROLES",
    "STANDING",
    "ApiKey",
    "ApiKeyQuerySet",
    "Company",
    "CompanyQuerySet",
    "DocumentType",
    "Invitation",
    "InvitationQuerySet",
    "KycDocument",
    "KycDocumentQuerySet",
    "KycStatus",
    "KycSubmission",
    "KycSubmissionQuerySet",
    "MailKind",
    "MailedLink",
    "MailedLinkQuerySet",
    "Role",
    "Session",
    "SessionQuerySet",
    "SubmissionStatus",
    "User",
    "UserManager",
    "UserQuerySet",
    "Verdict",
    "normal_email",
]
