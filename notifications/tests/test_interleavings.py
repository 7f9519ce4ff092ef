"""Whatever happens in whatever order, each reader has each of their notifications once, in order, and no other.

`INTERLEAVINGS` in the environment asks for more of them than a quick run takes.
"""

import asyncio
import os
import random
from collections.abc import Callable

import pytest

from accounts.models import User
from kernel.background import on_thread
from kernel.realtime import streams
from notifications import following
from notifications.tests.interleaved import LENGTH, STEPS, World

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = int(os.environ.get("INTERLEAVINGS", "12"))


@pytest.mark.parametrize("seed", range(COUNT))
async def test_any_interleaving_gives_each_reader_each_of_theirs_once_in_order(
    member: Callable[..., User], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(streams, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(following, "LOOK_EVERY", 0.3)
    watching = asyncio.create_task(following.watch_inboxes())
    dice = random.Random(seed)
    world = World([await on_thread(member, name) for name in ("ann", "ben")], dice, monkeypatch)
    await world.begin()
    for step in dice.choices(list(STEPS), list(STEPS.values()), k=LENGTH):
        await step(world)
    await world.settle()
    found = [await world.missing(reader) for reader in world.readers]
    await world.restart()
    watching.cancel()
    assert not any(found), found
