"""Whether those on open sockets may still be there: asked every so often, whatever was or was not said meanwhile."""

import asyncio
from collections.abc import Callable, Sequence

from kernel.background import on_thread
from kernel.realtime.socket import UNAUTHENTICATED, Identity, signed_in

RECHECK_EVERY = 30.0
AT_A_TIME = 500

Rechecker = Callable[[Sequence[Identity]], Sequence[bool]]

_rechecker: list[Rechecker] = []


def use_rechecker(rechecker: Rechecker) -> None:
    """Called by the wiring page: for each identity, whether its credential is still as good as when it came."""
    _rechecker[:] = [rechecker]


async def watch_sockets() -> None:
    """Look after the sockets of this process for as long as it runs."""
    while True:
        await asyncio.sleep(RECHECK_EVERY)
        await recheck_sockets()


async def recheck_sockets() -> None:
    """Close with 4401 every socket whose credential has ended without a word.

    The word may have been lost with the channel layer, have come while the socket was signing in, or never have been
    said, where somebody changed the database itself.
    """
    here = [(socket, socket.identity) for socket in tuple(signed_in) if socket.identity and not socket.is_closing]
    for start in range(0, len(here), AT_A_TIME):
        batch = here[start : start + AT_A_TIME]
        goods = await on_thread(_rechecker[0], [identity for _, identity in batch])
        for (socket, identity), is_good in zip(batch, goods, strict=True):
            # Not one that has signed in anew meanwhile.
            if not is_good and socket.identity is identity:
                socket.close(UNAUTHENTICATED)
