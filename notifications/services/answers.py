"""Links in messages that answer a notification in their reader's name: good once, for a day."""

import base64
import hashlib
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from kernel import clock
from notifications.errors import AnswerLinkNotValid
from notifications.models import AnswerLink, Delivery, Notification
from notifications.services.reading import respond

LIFETIME = timedelta(hours=24)
PROOF_BYTES = 16


def answer_url(*, delivery: Delivery) -> str:
    """The link of `delivery`, the same on every try, so that what was sent before a crash still answers."""
    token = _token(delivery)
    AnswerLink.objects.get_or_create(
        delivery=delivery,
        defaults={"token_hash": hash_of_token(token), "expires_at": clock.now() + LIFETIME},
    )
    return f"{settings.PUBLIC_BASE_URL}/notifications/answer/{token}"


def _token(delivery: Delivery) -> str:
    proof = salted_hmac("notifications.answer", delivery.pk.hex, algorithm="sha256").digest()[:PROOF_BYTES]
    return base64.urlsafe_b64encode(delivery.pk.bytes + proof).rstrip(b"=").decode()


def hash_of_token(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def find_answer_link(token: str) -> AnswerLink | None:
    """The link that `token` belongs to, used up or not."""
    links = AnswerLink.objects.select_related("delivery__notification__stream", "delivery__recipient")
    return links.filter(token_hash=hash_of_token(token)).first()


def is_good(link: AnswerLink) -> bool:
    """Whether the link still answers: for somebody to whom the notification is still addressed."""
    delivery = link.delivery
    if link.used_at or link.expires_at <= clock.now() or not delivery.recipient.is_active or not delivery.notification:
        return False
    return Notification.objects.visible_to(delivery.recipient).filter(pk=delivery.notification.pk).exists()


@transaction.atomic
def answer_by_link(*, link: AnswerLink, response: str) -> Notification:
    """Answer in the name of whom the link was sent to, and use it up; raises `AnswerLinkNotValid`."""
    notification = link.delivery.notification
    now = clock.now()
    unused = AnswerLink.objects.filter(pk=link.pk, used_at__isnull=True, expires_at__gt=now)
    if notification is None or not is_good(link) or not unused.update(used_at=now):
        raise AnswerLinkNotValid
    respond(user=link.delivery.recipient, notification=notification, response=response)
    return notification
