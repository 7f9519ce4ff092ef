"""The tables of people: companies, users and their sessions."""

import uuid
from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from kernel import clock
from kernel.models import CreatedModel
from kernel.permissions import ADMIN, OPERATOR, REVIEWER, Person, has_role

LONGEST_USER_AGENT = 200


class Role(models.TextChoices):
    """What somebody may do; exactly one each."""

    USER = "user"
    COMPANY_ADMIN = "company_admin"
    OPERATOR = OPERATOR
    REVIEWER = REVIEWER
    ADMIN = ADMIN


class KycStatus(models.TextChoices):
    """How somebody's identity check stands."""

    NOT_SUBMITTED = "not_submitted"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


# Those who use the admin site.
STAFF_ROLES = frozenset({Role.OPERATOR, Role.REVIEWER, Role.ADMIN})


class CompanyQuerySet(models.QuerySet["Company"]):
    def visible_to(self, user: Person) -> Self:
        """One's own; administrators see all."""
        if has_role(user, ADMIN):
            return self
        return self.filter(members=user.pk) if user.is_authenticated else self.none()


class Company(CreatedModel):
    """An organisation that users belong to, and that can be addressed as a whole."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=120)

    objects = CompanyQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        verbose_name_plural = "companies"

    def __str__(self) -> str:
        return self.name


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: Person) -> Self:
        """Oneself; administrators see everybody."""
        if has_role(user, ADMIN):
            return self
        return self.filter(pk=user.pk) if user.is_authenticated else self.none()

    def called(self, login: str) -> Self:
        """Whoever signs in as `login`: an email address or a username, in any case."""
        column = "email" if "@" in login else "username"
        # Written as the unique indexes are, so that PostgreSQL uses them.
        return self.filter(Exact(Lower(column), login.strip().lower()))


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes users in their stored form; `accounts.services` is where the application makes them."""

    def create_user(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        user: User = self.model(username=username, email=email, **fields)
        user.clean()
        user.is_staff = user.is_superuser or user.role in STAFF_ROLES
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(username, email, password, **{**fields, "role": Role.ADMIN, "is_superuser": True})


class User(AbstractBaseUser, PermissionsMixin):
    """A person who can sign in, by email address or username."""

    email = models.EmailField(max_length=254)
    username = models.CharField(
        max_length=150,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9_.+-]*\Z",
                "Letters, digits, dots, dashes, plus signs and underscores, beginning with a letter or digit.",
            )
        ],
        help_text="Never holds an @, so that it cannot be taken for an email address.",
    )
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.SET_NULL, related_name="members", related_query_name="members"
    )
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.USER)
    email_confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    awaits_confirmation = models.BooleanField(
        default=False, help_text="Signed up while mail was configured, and has not followed the link in it yet."
    )
    is_active = models.BooleanField(default=True, help_text="Switch off instead of deleting an account.")
    is_staff = models.BooleanField(default=False, editable=False, help_text="Follows from the role.")
    kyc_status = models.CharField(
        max_length=15,
        choices=KycStatus.choices,
        default=KycStatus.NOT_SUBMITTED,
        editable=False,
        help_text="Follows from the newest identity check that stands.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="one_user_for_one_email", violation_error_message="This address is taken."
            ),
            models.UniqueConstraint(
                Lower("username"), name="one_user_for_one_username", violation_error_message="This name is taken."
            ),
            models.CheckConstraint(condition=~Q(username__contains="@"), name="username_is_no_email"),
        ]
        indexes = [models.Index(fields=["company", "role"], name="user_of_company_and_role")]

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        """Bring the names into their stored form: one address has one spelling."""
        super().clean()
        self.email = normal_email(self.email)

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        return self.first_name or self.username

    @property
    def is_admin(self) -> bool:
        return self.is_superuser or self.role == Role.ADMIN

    @property
    def is_operator(self) -> bool:
        """May run the system: operators and administrators."""
        return self.is_admin or self.role == Role.OPERATOR


def normal_email(email: str) -> str:
    """The stored form of an address: without outer spaces, in lower case."""
    return email.strip().lower()


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: Person) -> Self:
        """One's own; administrators see all."""
        if has_role(user, ADMIN):
            return self
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def live(self) -> Self:
        """Those that still let their owner in."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=clock.now())


class Session(CreatedModel):
    """One sign-in: the family of refresh tokens that follow from it, of which only the newest is good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    refresh_jti = models.CharField(max_length=64)
    authenticated_at = models.DateTimeField(
        default=clock.now, help_text="When its owner last proved a password or a second factor."
    )
    last_used_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    user_agent = models.CharField(max_length=LONGEST_USER_AGENT, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-last_used_at"]
        indexes = [
            models.Index(fields=["user", "-last_used_at"], name="session_of_user"),
            models.Index(fields=["expires_at"], name="session_old"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > clock.now()
