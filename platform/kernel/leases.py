"""One leader at a time: a row with an expiry that its holder keeps moving on."""

import os
import socket
import uuid
from datetime import timedelta

from django.db import transaction

from kernel import clock
from kernel.models import Lease

LEASE_FOR = timedelta(seconds=6)
RENEW_EVERY = 2.0

_process = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def holder_name() -> str:
    """This process, as leases name it."""
    return _process


def _is_dead(holder: str) -> bool:
    """Whether `holder` was a process of this machine that is gone: its lease need not run out first."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit() or holder == _process:
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@transaction.atomic
def take(name: str, holder: str | None = None) -> int | None:
    """Take or renew the lease `name`; its fencing number, or none while another process holds it."""
    holder, now = holder or _process, clock.now()
    Lease.objects.get_or_create(name=name, defaults={"expires_at": now})
    lease = Lease.objects.select_for_update().get(name=name)
    is_new = lease.holder != holder
    if is_new and lease.holder and lease.expires_at > now and not _is_dead(lease.holder):
        return None
    lease.fencing += is_new
    lease.holder, lease.expires_at = holder, now + LEASE_FOR
    lease.save()
    return lease.fencing


def release(name: str, holder: str | None = None) -> None:
    """Give the lease back at once, so that the next process need not wait for its end."""
    Lease.objects.filter(name=name, holder=holder or _process).update(holder="", expires_at=clock.now())
