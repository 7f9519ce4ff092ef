"""The audit trail: one chain of entries, each sealed with a hash over itself and the hash before it.

The end of the chain is a row of its own, locked from `record` to the end of the caller's transaction: call `record`
as the last thing in a transaction, so that nobody waits long and no two callers wait for each other.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from kernel import clock
from kernel.logs import cleaned, current_request_id
from kernel.models import AuditEntry, AuditHead
from kernel.net import current_address, current_person

logger = logging.getLogger(__name__)

CUT = "audit.cut"
MASK = "***"
LONGEST_TEXT = 500
MOST_ITEMS = 100
DEEPEST = 5
AT_A_TIME = 2_000
_SECRET = re.compile(
    r"(?i)password|passwd|secret|token|credential|authorization|cookie|otp|seed|recovery|private|"
    r"(^|[_-])(code|codes|pin|ticket)$|^(api[_-]?)?key$"
)


@transaction.atomic(savepoint=False)
def record(action: str, *, actor: Any = None, target: str = "", detail: dict[str, Any] | None = None) -> AuditEntry:
    """Write down, in the caller's transaction, that `actor` has done `action` to `target`.

    `action` is a dotted past-tense word such as `role.changed`; `target` names a row as `user:7`; `actor` is whoever
    is signed in on the present request unless it is given. Values in `detail` whose name tells of a secret are masked.
    """
    if actor is None:
        actor = current_person()
    is_known = actor is not None and actor.pk is not None
    head = _locked_head()
    entry = AuditEntry(
        seq=head.seq + 1,
        at=clock.now(),
        action=action,
        actor_id=actor.pk if is_known else None,
        actor_name=_text(str(actor))[:150] if is_known else "",
        target=_text(target)[:200],
        detail=_plain(detail or {}),
        address=current_address() or "",
        request_id=current_request_id(),
        previous_hash=head.hash,
    )
    entry.hash = hash_of(entry)
    entry.save()
    head.seq, head.hash = entry.seq, entry.hash
    head.save()
    return entry


def hash_of(entry: AuditEntry) -> str:
    """SHA-256 in hex over every other column of `entry`, as JSON with sorted names."""
    columns = {field.attname: getattr(entry, field.attname) for field in AuditEntry._meta.concrete_fields}
    del columns["hash"]
    columns["at"] = clock.isoformat(entry.at) if entry.at else None  # SQLite lets a forger write no time at all
    text = json.dumps(columns, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def _locked_head() -> AuditHead:
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        AuditHead.objects.get_or_create(pk=1)
        head = AuditHead.objects.select_for_update().get(pk=1)
    return head


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` without secrets, in forms that every database gives back exactly as they were: no fractions."""
    if isinstance(value, Mapping) and depth < DEEPEST:
        items = list(value.items())[:MOST_ITEMS]
        return {
            _text(str(name)): MASK if _is_secret(name, inner) else _plain(inner, depth + 1) for name, inner in items
        }
    if isinstance(value, list | tuple | set | frozenset) and depth < DEEPEST:
        return [_plain(inner, depth + 1) for inner in list(value)[:MOST_ITEMS]]
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return _text(str(value))


def _is_secret(name: Any, value: Any) -> bool:
    # Whether something is set is no secret.
    return not isinstance(value, bool | None) and _SECRET.search(str(name)) is not None


def _text(text: str) -> str:
    return cleaned(text[:LONGEST_TEXT].encode("utf-8", "replace").decode())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain has found: `broken_at` is the first entry that is not as it was written."""

    entries: int
    head: str
    broken_at: int | None = None
    what: str = ""


_CHANGED = "the hash is not that of its columns: one of them was changed"


class _Broken(Exception):
    def __init__(self, seq: int, what: str) -> None:
        super().__init__(what)
        self.seq, self.what = seq, what


@dataclass
class _Walk:
    """Along the chain, entry by entry; `seq` and `hash` are those of the last good one."""

    seq: int = 0
    hash: str = ""
    entries: int = 0

    def begin(self) -> None:
        """At the first entry ever, or after the last that the newest cut has taken away.

        The cut is an entry of the chain itself, so a beginning that was made up does not fit.
        """
        cut = AuditEntry.objects.filter(action=CUT).order_by("-seq").first()
        if cut is None:
            return
        if cut.hash != hash_of(cut):
            raise _Broken(cut.seq, _CHANGED)
        self.seq, self.hash = cut.detail["through"], cut.detail["hash"]

    def over(self, entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            self._step(entry)

    def _step(self, entry: AuditEntry) -> None:
        if entry.seq != self.seq + 1:
            raise _Broken(self.seq + 1, f"the entry is missing, the next is {entry.seq}")
        if entry.previous_hash != self.hash:
            raise _Broken(entry.seq, f"previous_hash is not the hash of entry {self.seq}")
        if entry.hash != hash_of(entry):
            raise _Broken(entry.seq, _CHANGED)
        self.seq, self.hash, self.entries = entry.seq, entry.hash, self.entries + 1


def verify(noted: str = "") -> Verdict:
    """Walk the whole chain; `noted` is a `seq:hash` that an earlier walk told and that must still be in it.

    Entries may be written meanwhile: only the last few are walked while nobody else can write.
    """
    walk = _Walk()
    try:
        walk.begin()
        _check_noted(noted, walk.seq)
        walk.over(_entries(after=walk.seq))
        with transaction.atomic():
            head = _locked_head()
            walk.over(_entries(after=walk.seq))
            _check_end(walk, head)
    except _Broken as broken:
        return Verdict(walk.entries, f"{walk.seq}:{walk.hash}", broken.seq, broken.what)
    return Verdict(walk.entries, f"{walk.seq}:{walk.hash}")


def _entries(*, after: int, through: int | None = None) -> Iterable[AuditEntry]:
    found = AuditEntry.objects.filter(seq__gt=after).order_by("seq")
    if through is not None:
        found = found.filter(seq__lte=through)
    return found.iterator(AT_A_TIME)


def _check_end(walk: _Walk, head: AuditHead) -> None:
    if walk.seq < head.seq:
        raise _Broken(walk.seq + 1, f"the entry is missing, the chain ended at {head.seq}")
    if walk.seq > head.seq:
        raise _Broken(head.seq + 1, f"the entry was added behind the end of the chain at {head.seq}")
    if walk.hash != head.hash:
        raise _Broken(walk.seq, "the hash is not the one the end of the chain remembers")


def _check_noted(noted: str, cut_through: int) -> None:
    seq, _, hash_then = noted.partition(":")
    if not noted or int(seq) <= cut_through:
        return
    if not AuditEntry.objects.filter(seq=int(seq), hash=hash_then).exists():
        raise _Broken(int(seq), "the hash is not the one that was noted")


def cut_old_entries() -> int:
    """Forget the entries older than `AUDIT_RETENTION_DAYS`; how many.

    Only ever the oldest without a gap, only while they are as they were written, and never without an entry that
    says where the chain begins from now on.
    """
    limit = clock.now() - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    oldest = AuditEntry.objects.order_by("seq").first()
    if oldest is None or oldest.at >= limit:
        return 0
    with transaction.atomic():
        head = _locked_head()
        kept = AuditEntry.objects.filter(at__gte=limit).order_by("seq").first()
        through = kept.seq - 1 if kept else head.seq
        walk = _Walk()
        try:
            walk.begin()
            walk.over(_entries(after=walk.seq, through=through))
        except _Broken as broken:
            logger.error("the audit trail is kept: entry %d is broken: %s", broken.seq, broken.what)
            return 0
        count = AuditEntry.objects.cut(through)
        record(CUT, detail={"through": walk.seq, "hash": walk.hash, "entries": count})
    return count
