"""Joining and leaving streams: what is addressed to whom."""

import secrets
from functools import partial

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from formulas.models import Subscription
from kernel.realtime import refresh_sockets
from notifications.models import Membership, Stream
from notifications.selectors import EVERYBODY, stream_of_formula, stream_of_user, streams_by_position

EPOCH_BYTES = 8


def find_or_begin_stream(name: str) -> Stream:
    return Stream.objects.get_or_create(name=name, defaults={"epoch": secrets.token_hex(EPOCH_BYTES)})[0]


@transaction.atomic
def join_stream(*, user_id: int, stream_name: str, from_start: bool = False) -> bool:
    """Address what the stream tells from now on (or has ever told) to the person; whether that is new."""
    stream = find_or_begin_stream(stream_name)
    _, is_new = Membership.objects.get_or_create(
        user_id=user_id, stream=stream, until_seq=None, defaults={"after_seq": 0 if from_start else stream.head}
    )
    if is_new:
        _refresh(user_id)
    return is_new


@transaction.atomic
def leave_stream(*, user_id: int, stream_name: str) -> bool:
    """Address nothing later to the person: what was theirs stays theirs. Whether they were in it."""
    head = Stream.objects.filter(pk=OuterRef("stream_id")).values("head")
    memberships = Membership.objects.is_open().filter(user_id=user_id, stream__name=stream_name)
    has_left = memberships.update(until_seq=Subquery(head)) > 0
    if has_left:
        _refresh(user_id)
    return has_left


def _refresh(user_id: int) -> None:
    transaction.on_commit(partial(refresh_sockets, f"user:{user_id}"), robust=True)


@transaction.atomic
def sync_memberships(*, user_id: int) -> None:
    """Bring the person's streams in line with who they are now: own, everybody's, role, company."""
    user = _lock_person(user_id)
    if user is None:
        return
    wanted = streams_by_position(user)
    by_position = (
        Q(stream__name__in=[stream_of_user(user_id), EVERYBODY])
        | Q(stream__name__startswith="role:")
        | Q(stream__name__startswith="company:")
    )
    held = set(Membership.objects.is_open().filter(by_position, user_id=user_id).values_list("stream__name", flat=True))
    for name in sorted(held - wanted):
        leave_stream(user_id=user_id, stream_name=name)
    for name in sorted(wanted - held):
        join_stream(user_id=user_id, stream_name=name, from_start=name == stream_of_user(user_id))


@transaction.atomic
def sync_subscription(*, user_id: int, formula_id: int) -> None:
    """Bring the person in or out of the formula's stream, as their subscription says now.

    The table is asked, not the event: events that are tried again come out of order.
    """
    if _lock_person(user_id) is None:
        return
    follows = Subscription.objects.filter(user_id=user_id, formula_id=formula_id, is_active=True, notify=True).exists()
    move = join_stream if follows else leave_stream
    move(user_id=user_id, stream_name=stream_of_formula(formula_id))


def _lock_person(user_id: int) -> User | None:
    """The person's row as it is now; two changes of one person's streams come one after the other."""
    people: QuerySet[User] = User.objects.select_for_update(of=("self",), no_key=True)
    return people.filter(pk=user_id).first()
