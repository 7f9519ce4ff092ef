"""Making accounts, and changing what somebody is: role, company, active or not."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.events import UserChanged, UserDeleted, UserRegistered
from accounts.models import STAFF_ROLES, Company, KycDocument, Role, User
from accounts.services.keys import revoke_api_keys
from accounts.services.kyc import forget_documents
from accounts.services.passwords import check_password_strength
from accounts.services.sessions import revoke_sessions
from kernel import audit
from kernel.errors import Invalid
from kernel.events import publish


def register_user(
    *,
    email: str,
    username: str,
    password: str,
    company: Company | None = None,
    role: Role = Role.USER,
    first_name: str = "",
    last_name: str = "",
) -> User:
    """Make an account; raises `Invalid` naming each field that is malformed, taken or too weak."""
    user = User(email=email, username=username, company=company, role=role, first_name=first_name, last_name=last_name)
    check_fields(user)
    check_password_strength(password, user)
    user.set_password(password)
    return insert_user(user=user)


def check_fields(user: User) -> None:
    """Raise `Invalid` naming each field of `user` that is malformed or taken."""
    try:
        user.full_clean(exclude=["password"], validate_constraints=False)
        user.validate_constraints()
    except ValidationError as error:
        raise Invalid(errors=_by_field(user, error)) from None


def _by_field(user: User, error: ValidationError) -> dict[str, list[str]]:
    """Constraints over expressions name no field: find the one that is taken."""
    errors = dict(error.message_dict)
    if errors.pop("__all__", None):
        others = User.objects.exclude(pk=user.pk)
        taken = {"email": user.email, "username": user.username}
        errors |= {name: ["This is taken."] for name, value in taken.items() if others.called(value).exists()}
    return errors or {"non_field_errors": ["This account cannot be made."]}


@transaction.atomic
def insert_user(*, user: User) -> User:
    """Store a new account that has been checked, with the permissions of its role."""
    store_user(user)
    publish(UserRegistered(user_id=user.pk))
    audit.record("user.registered", target=_target(user), detail={"role": user.role})
    return user


def store_user(user: User) -> None:
    """Store an account that has been checked and that nobody is told of yet."""
    _save(user)
    follow_role(user=user)


def _save(user: User, **options: Any) -> None:
    try:
        with transaction.atomic():
            user.save(**options)
    except IntegrityError:
        # Somebody took the name between the check and the save: the second check says which.
        check_fields(user)
        raise


def update_profile(
    *, user: User, username: str | None = None, first_name: str | None = None, last_name: str | None = None
) -> User:
    """Change one's own names, those that are given; raises `Invalid` naming a faulty or taken one."""
    names = {"username": username, "first_name": first_name, "last_name": last_name}
    changed = {name: value for name, value in names.items() if value is not None}
    for name, value in changed.items():
        setattr(user, name, value)
    check_fields(user)
    _save(user, update_fields=list(changed))
    return user


def change_role(*, user: User, role: Role) -> None:
    """Give `user` another role, and with it the use of the admin site or not."""
    user.role = role
    change_user(user=user, changed=["role"])


def move_to_company(*, user: User, company: Company | None) -> None:
    """Make `user` a member of `company`, or of none."""
    user.company = company
    change_user(user=user, changed=["company"])


def deactivate(*, user: User) -> None:
    """Shut `user` out: nothing they hold lets them in any more, and what they have open closes."""
    user.is_active = False
    change_user(user=user, changed=["is_active"])


def reactivate(*, user: User) -> None:
    """Let `user` sign in again."""
    user.is_active = True
    change_user(user=user, changed=["is_active"])


@transaction.atomic
def change_user(*, user: User, changed: Collection[str]) -> None:
    """Store the fields of `user` that are named in `changed`, whatever they are, with all that follows from them."""
    before = User.objects.select_related("company").get(pk=user.pk)
    _save(user, update_fields=list(changed))
    if "awaits_confirmation" in changed and not user.awaits_confirmation:
        publish(UserRegistered(user_id=user.pk))
    if not {"role", "company", "is_active", "is_superuser"}.isdisjoint(changed):
        follow_role(user=user)
        publish(UserChanged(user_id=user.pk))
    if not {"role", "is_superuser"}.isdisjoint(changed):
        # A key was made for what its owner was: nobody's old key becomes an administrator's.
        revoke_api_keys(user=user, reason="role changed")
    if not user.is_active:
        revoke_sessions(user=user, reason="shut out")
        revoke_api_keys(user=user, reason="shut out")
    _record_change(before, user)


def _record_change(before: User, after: User) -> None:
    """Write down how somebody's place has changed; names and addresses are their own business."""
    target = _target(after)
    if before.role != after.role:
        audit.record("role.changed", target=target, detail={"from": before.role, "to": after.role})
    if before.is_superuser != after.is_superuser:
        audit.record("superuser.granted" if after.is_superuser else "superuser.withdrawn", target=target)
    if before.company_id != after.company_id:
        places = [person.company.slug if person.company else None for person in (before, after)]
        audit.record("company.changed", target=target, detail=dict(zip(("from", "to"), places, strict=True)))
    if before.is_active != after.is_active:
        audit.record("user.reactivated" if after.is_active else "user.deactivated", target=target)


def _target(user: User) -> str:
    return f"user:{user.pk}"


@transaction.atomic
def follow_role(*, user: User) -> None:
    """Bring the staff flag and the role's group in line with `user.role`; groups given by hand stay."""
    is_staff = user.is_superuser or user.role in STAFF_ROLES
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
    user.groups.remove(*user.groups.filter(name__in=STAFF_ROLES - {user.role}))
    if user.role in STAFF_ROLES:
        group, _ = Group.objects.get_or_create(name=user.role)
        user.groups.add(group)


@transaction.atomic
def delete_user(*, user: User) -> None:
    """Delete `user` with their sessions; raises `ProtectedError` while others rely on what they made."""
    # First of all, as everybody does who changes what is theirs: two who wait for each other would end each other.
    User.objects.select_for_update().filter(pk=user.pk).first()
    target, name = _target(user), user.username
    revoke_sessions(user=user, reason="owner deleted")
    revoke_api_keys(user=user, reason="owner deleted")
    forget_documents(KycDocument.objects.filter(submission__user=user))
    user_id = user.pk
    user.delete()
    publish(UserDeleted(user_id=user_id))
    audit.record("user.deleted", target=target, detail={"username": name})


def ensure_company(*, slug: str, name: str) -> Company:
    """The company called `slug`, made if there is none."""
    return Company.objects.get_or_create(slug=slug, defaults={"name": name})[0]


@transaction.atomic
def store_company(*, company: Company) -> None:
    """Store `company`, new or changed."""
    is_new = company.pk is None
    company.save()
    action = "company.created" if is_new else "company.renamed"
    audit.record(action, target=f"company:{company.slug}", detail={"name": company.name})


@transaction.atomic
def delete_company(*, company: Company) -> None:
    """Delete `company`; its members stay, in none."""
    for member in company.members.all():
        move_to_company(user=member, company=None)
    company.delete()
    audit.record("company.deleted", target=f"company:{company.slug}")
