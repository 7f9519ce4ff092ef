"""The people of a demonstration: one in each role, and two companies."""

from django.db import transaction

from accounts.models import Company, Role, User
from accounts.services.people import ensure_company, follow_role, insert_user

SINGLES = (
    ("admin", Role.ADMIN),
    ("operator", Role.OPERATOR),
    ("reviewer", Role.REVIEWER),
    ("author", Role.USER),
    ("trader", Role.USER),
)
COMPANIES = (
    ("company_a", "Company A", "company-a.example", ("alice", "adam")),
    ("company_b", "Company B", "company-b.example", ("bella", "boris")),
)


@transaction.atomic
def ensure_demo_people(*, password: str) -> list[User]:
    """The demo users, made with `password` where they do not exist; those who do keep theirs."""
    people = [_ensure_person(f"{name}@example.com", password, role) for name, role in SINGLES]
    _make_superuser(people[0])
    for slug, name, domain, members in COMPANIES:
        company = ensure_company(slug=slug, name=name)
        roles = (Role.COMPANY_ADMIN, Role.USER)
        people += [
            _ensure_person(f"{member}@{domain}", password, role, company)
            for member, role in zip(members, roles, strict=True)
        ]
    return people


def _ensure_person(email: str, password: str, role: Role, company: Company | None = None) -> User:
    found: User | None = User.objects.called(email).first()
    if found:
        return found
    username = email.partition("@")[0]
    user = User(email=email, username=username, role=role, company=company)
    # Whatever `password` is: whoever tries the platform alone on a machine may choose a short one.
    user.set_password(password)
    return insert_user(user=user)


def _make_superuser(user: User) -> None:
    if not user.is_superuser:
        user.is_superuser = True
        user.save(update_fields=["is_superuser"])
        follow_role(user=user)
