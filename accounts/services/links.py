"""Proving an address and resetting a password: tokens that go out by mail, are good once, and are kept as hashes."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction

from accounts import letters
from accounts.errors import LinkNotValid
from accounts.models import MailedLink, MailKind, User
from accounts.services.passwords import check_password_strength, set_password
from accounts.services.sessions import welcome
from kernel import audit, clock, jobs

LINK_LIFETIME = timedelta(hours=1)
MAILS_AN_HOUR = 5  # of one kind to one account
KEEP_LINKS = timedelta(days=1)
MAIL_LINK_JOB = "accounts.mail_link"


def new_token() -> tuple[str, str]:
    """A token and what is kept of it: a plain hash, because there is nothing to guess in 256 random bits."""
    token = secrets.token_urlsafe(32)
    return token, hash_of_token(token)


def hash_of_token(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def enqueue_mail(*, user: User | None, kind: MailKind) -> None:
    """Have `user` mailed after the present transaction.

    For nobody as well, where the caller must not be told by time or row whether there is somebody.
    """
    jobs.enqueue(kind=MAIL_LINK_JOB, user_id=user.pk if user else None, mail=kind.value)


def request_password_reset(*, email: str) -> None:
    """Mail a link to whoever has the account of `email`; nothing tells whether there is one."""
    user: User | None = User.objects.called(email).filter(is_active=True).first() if "@" in email else None
    if letters.mail_is_configured():
        enqueue_mail(user=user, kind=MailKind.RESET)


def mail_link(*, user: User, kind: MailKind) -> bool:
    """Make a link and send it; the job's own work. False where the account has had enough mails of this kind.

    The token is made here, so that no queue holds it. A repeat after a failure sends a new one, and only the newest
    of a kind is good.
    """
    recent = MailedLink.objects.filter(user=user, kind=kind, created_at__gt=clock.now() - timedelta(hours=1))
    if recent.count() >= MAILS_AN_HOUR:
        return False
    token, token_hash = new_token()
    with transaction.atomic():
        end_links(user=user, kind=kind)
        MailedLink.objects.create(user=user, kind=kind, token_hash=token_hash, expires_at=clock.now() + LINK_LIFETIME)
    letters.send(_letter(user, kind, token), to=user.email, name=user.get_short_name())
    return True


def end_links(*, user: User, kind: MailKind) -> None:
    """Let what was mailed to `user` so far count no more."""
    now = clock.now()
    MailedLink.objects.filter(user=user, kind=kind, used_at__isnull=True, expires_at__gt=now).update(expires_at=now)


def _letter(user: User, kind: MailKind, token: str) -> letters.Letter:
    match kind:
        case MailKind.CONFIRM:
            return letters.confirmation(user, token)
        case MailKind.RESET:
            return letters.password_reset(user, token)
        case MailKind.TAKEN:
            return letters.address_taken(user)


def confirm_email(*, token: str) -> User:
    """Prove the address of the account that `token` was mailed to; raises `LinkNotValid`."""
    link = _find(token, MailKind.CONFIRM)
    with transaction.atomic():
        _use(link)
        prove_address(user=link.user)
    return link.user


def reset_password(*, token: str, password: str) -> User:
    """Give the account that `token` was mailed to a new password, and end all its sessions.

    Raises `LinkNotValid`, and `Invalid` naming a weak `password`, which leaves the token good.
    """
    link = _find(token, MailKind.RESET)
    user = link.user
    check_password_strength(password, user)
    with transaction.atomic():
        _use(link)
        # Whoever reads the mail owns the address.
        prove_address(user=user)
        set_password(user=user, password=password)
    return user


def prove_address(*, user: User) -> None:
    """Remember that `user` reads the mail to their address; an account that waited for it begins to live."""
    if not welcome(user=user) and user.email_confirmed_at:
        return
    user.email_confirmed_at = clock.now()
    user.save(update_fields=["email_confirmed_at"])
    audit.record("email.confirmed", actor=user, target=f"user:{user.pk}")


def _find(token: str, kind: MailKind) -> MailedLink:
    links = MailedLink.objects.select_related("user").filter(token_hash=hash_of_token(token), kind=kind)
    link = links.good().first()
    if link is None:
        raise LinkNotValid
    return link


def _use(link: MailedLink) -> None:
    """Of two uses at once one wins, and none that began before the account was registered anew.

    The condition is on the row itself, so it is looked at again after a wait for whoever was first.
    """
    User.objects.select_for_update().get(pk=link.user_id)
    now = clock.now()
    if not MailedLink.objects.filter(pk=link.pk, used_at__isnull=True, expires_at__gt=now).update(used_at=now):
        raise LinkNotValid


def forget_old_links() -> int:
    """Delete links that have been worth nothing for long; the number of rows."""
    return MailedLink.objects.filter(created_at__lt=clock.now() - KEEP_LINKS).delete()[0]
