"""A world in which everything goes on at once: writers, commits, crashes, wake-ups, readers that come and go."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User
from kernel import clock
from kernel.background import on_thread
from kernel.errors import DomainError
from kernel.realtime import Identity, Socket
from kernel.realtime.dialects import Canonical
from kernel.realtime.hub import close_hub, is_alone
from kernel.realtime.outlets import PlainOutlet
from notifications import handlers, services, tasks
from notifications.consumers import acknowledge_notifications, refresh_inbox, subscribe_to_notifications
from notifications.messages import NotificationsAck, NotificationsSubscribe, Position
from notifications.models import Receipt
from notifications.selectors import streams_of
from notifications.services import log, memberships
from notifications.tests.far_end import Client

FOLLOWED = ("formula:1", "formula:2")
STREAMS = ("all", *FOLLOWED)
LENGTH = 120
Places = dict[str, dict[str, Any]]


@dataclass(eq=False)
class Reader:
    """A client that keeps its positions, as `docs/clients.md` says it should; `faults` is what must never happen."""

    user: User
    places: Places = field(default_factory=dict)
    began: dict[str, int] = field(default_factory=dict)
    told: dict[str, list[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    client: Client | None = None
    is_live: bool = False
    subscribing: "asyncio.Task[None] | None" = None
    acknowledged: dict[str, int] = field(default_factory=dict)
    knows_all: bool = False
    refreshed: int = 0

    async def connect(self) -> None:
        """Begin a connection that asks for what was missed."""
        if self.client:
            return
        if not self.knows_all:
            self.places, self.told = {}, {}
        self.client, self.is_live = Client(), False
        client = self.client
        self.client.socket = Socket(PlainOutlet(self._hear), Canonical(), on_refresh=self._refresh)
        await client.socket.sign_in(Identity(self.user, (f"user:{self.user.pk}",), None))
        self.subscribing = asyncio.create_task(self._subscribe(client.socket))

    def _refresh(self, socket: Socket) -> Awaitable[None]:
        self.refreshed += 1
        return refresh_inbox(socket)

    async def _subscribe(self, socket: Socket) -> None:
        known = {name: Position(**place) for name, place in self.places.items()}
        await subscribe_to_notifications(socket, NotificationsSubscribe(streams=known))

    async def hang_up(self) -> None:
        """Without a word, wherever the connection is; what is on its way is not heard any more."""
        client, self.client, self.is_live = self.client, None, False
        if client is None:
            return
        assert self.subscribing
        self.subscribing.cancel()
        await asyncio.gather(self.subscribing, return_exceptions=True)
        await client.socket.forget()

    async def acknowledge(self) -> None:
        for name, place in list(self.places.items()):
            if self.client is None:
                return
            if place["seq"]:
                try:
                    await acknowledge_notifications(self.client.socket, NotificationsAck(stream=name, seq=place["seq"]))
                except DomainError as error:
                    self.faults.append(f"{name} {place}: {error}")
                self.acknowledged[name] = max(place["seq"], self.acknowledged.get(name, 0))

    async def _hear(self, event: dict[str, Any]) -> None:
        if self.client is None or "text" not in event:
            return
        await self.client.send(event)
        said = self.client.sent[-1]
        if said["type"] == "notification":
            self._note(said)
        elif said["type"] == "notifications.live":
            self._begin(said["payload"]["streams"])
        elif said["type"] != "notifications.heads":
            self.faults.append(f"{said['type']}: {said['payload']}")

    def _note(self, said: dict[str, Any]) -> None:
        name, seq = said["stream"], said["seq"]
        if seq <= (last := self.places.get(name, {"seq": 0})["seq"]):
            self.faults.append(f"{name}: {seq} after {last}")
        self.places[name] = {"epoch": said["epoch"], "seq": seq}
        self.told.setdefault(name, []).append(seq)

    def _begin(self, places: Places) -> None:
        for name, place in places.items():
            if not self.knows_all:
                self.began[name] = self.told[name][0] - 1 if self.told.get(name) else place["seq"]
            elif place["seq"] < self.places.get(name, place)["seq"]:
                self.faults.append(f"{name}: live at {place['seq']} after {self.places[name]['seq']}")
        self.places |= places
        self.is_live = self.knows_all = True


class World:
    """People, their readers, and whatever `dice` say happens next."""

    def __init__(self, users: list[User], dice: random.Random, patch: pytest.MonkeyPatch) -> None:
        self.users, self.dice = users, dice
        self.readers = [Reader(user) for user in users for _ in range(2)]
        self.writing: list[tuple[str, asyncio.Future[None]]] = []
        self.held: list[tuple[str, threading.Event, asyncio.Future[None]]] = []
        self.crashes = self.is_deaf = False
        self._threads = ThreadPoolExecutor(2 * LENGTH)
        self._wake, self._refresh = handlers.wake_stream, memberships.refresh_sockets
        patch.setattr(handlers, "wake_stream", self._wake_or_not)
        patch.setattr(memberships, "refresh_sockets", lambda topic: None if self.is_deaf else self._refresh(topic))
        publish = log.publish_many
        patch.setattr(log, "publish_many", lambda events: None if self.crashes else publish(events))

    def _wake_or_not(self, stream: str, *row: Any) -> None:
        """The layer may lose a wake-up, bring it twice, without its row, or with that of another."""
        chance = self.dice.random()
        if chance > 0.15:
            self._wake(stream, *row)
        if chance > 0.85:
            self._wake(stream, *row[:1])

    async def begin(self) -> None:
        """Streams that exist: a transaction that is held would else keep everybody from joining what it has begun."""
        for name in (*STREAMS, *(f"user:{user.pk}" for user in self.users)):
            await on_thread(memberships.find_or_begin_stream, name)

    # What may happen.

    async def tell(self) -> None:
        name, count = self._audience(), self.dice.randint(1, 4)
        self.writing.append((name, self._on_thread(self._write, name, count)))

    async def tell_and_hold(self) -> None:
        """A transaction that stays open while others go on, and is committed or taken back later."""
        if connection.vendor == "sqlite" or len(self.held) > 1:
            await self.tell()  # there, whoever writes has the whole file
            return
        name, goes_on, is_lost = self._audience(), threading.Event(), self.dice.random() < 0.3
        if name in {held for held, _, _ in self.held}:
            return  # one that waits for another could be committed just while somebody leaves
        self.held.append((name, goes_on, self._on_thread(self._hold, name, goes_on, is_lost)))

    async def end_a_held_one(self) -> None:
        if self.held:
            name, goes_on, writing = self.held.pop(0)
            goes_on.set()
            self.writing.append((name, writing))

    async def crash_between_commit_and_push(self) -> None:
        while self.held:
            await self.end_a_held_one()
        await self.all_written()
        self.crashes = True
        await on_thread(self._write, self._audience(), 2)
        self.crashes = False

    async def sweep(self) -> None:
        await on_thread(services.mark_waiting_published)
        await on_thread(tasks.sweep_unpublished)

    async def connect(self) -> None:
        await self.dice.choice(self.readers).connect()

    async def hang_up(self) -> None:
        await self.dice.choice(self.readers).hang_up()

    async def restart(self) -> None:
        """All connections end at once, and with them everything the process knew."""
        for reader in self.readers:
            await reader.hang_up()
        await close_hub()

    async def acknowledge(self) -> None:
        await self.dice.choice(self.readers).acknowledge()

    async def join(self) -> None:
        await self._move(services.join_stream)

    async def join_in_a_burst(self) -> None:
        for _ in range(4):
            self.writing.append(("all", self._on_thread(self._write, "all", 3)))
        await self._move(services.join_stream)

    async def join_unheard(self) -> None:
        self.is_deaf = True
        await self._move(services.join_stream)
        self.is_deaf = False

    async def leave(self) -> None:
        # What is committed before is told of before: else nobody could say which of both was first.
        await self.all_written()
        open_before = [(one, one.client, one.refreshed) for one in self.readers if one.client]
        user, has_left = await self._move(services.leave_stream)
        if has_left and not is_alone():
            # Until the word of it has come through Redis, what follows may still be sent.
            told = [one for one in open_before if one[0].user is user]
            async with asyncio.timeout(5):
                while any(one.client is client and one.refreshed == count for one, client, count in told):
                    await asyncio.sleep(0.001)

    async def rest(self) -> None:
        await asyncio.sleep(self.dice.choice([0, 0, 0.002, 0.02]))

    # Once nothing more happens.

    async def settle(self) -> None:
        while self.held:
            await self.end_a_held_one()
        await self.all_written()
        moment = clock.now() + tasks.OVERDUE + timedelta(seconds=1)
        with pytest.MonkeyPatch.context() as later:
            later.setattr(clock, "now", lambda: moment)
            await self.sweep()
        for reader in self.readers:
            await reader.connect()
        try:
            async with asyncio.timeout(5):
                while any([await self.missing(reader) for reader in self.readers]):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pass

    async def missing(self, reader: Reader) -> str:
        """In what `reader` differs from the tables; empty where in nothing."""
        if reader.faults or not reader.is_live:
            return f"{reader.faults or 'not live'}"
        for name, stream in (await on_thread(streams_of, reader.user.pk)).items():
            began = reader.began.get(name, 0)
            wanted = [seq for seq in range(began + 1, stream.head + 1) if stream.reaches(seq)]
            if wanted != (found := reader.told.get(name, [])):
                return f"{name} after {began}, {stream.spans}: {found}, not {wanted}"
            numbers = await on_thread(_acknowledged, reader.user.pk, name)
            if numbers < reader.acknowledged.get(name, 0):
                return f"{name}: acknowledged {reader.acknowledged[name]}, kept {numbers}"
        return ""

    async def all_written(self) -> None:
        """Wait for those who write, but for whom a transaction that is held keeps waiting."""
        held = {name for name, _, _ in self.held}
        await asyncio.gather(*(task for name, task in self.writing if name not in held))
        self.writing = [(name, task) for name, task in self.writing if not task.done()]

    def _on_thread(self, work: Callable[..., None], *words: Any) -> asyncio.Future[None]:
        """Not on the server's few threads, which would all wait for one that holds a stream."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *words)

    def _audience(self) -> str:
        return self.dice.choice([*STREAMS, *(f"user:{user.pk}" for user in self.users)])

    async def _move(self, how: Callable[..., bool]) -> tuple[User, bool]:
        user, name = self.dice.choice(self.users), self.dice.choice(FOLLOWED)
        return user, await on_thread(how, user_id=user.pk, stream_name=name)

    @staticmethod
    def _write(name: str, count: int) -> None:
        try:
            for _ in range(count):
                _tell(name)
        finally:
            connection.close()

    @staticmethod
    def _hold(name: str, goes_on: threading.Event, is_lost: bool) -> None:
        try:
            with transaction.atomic():
                _tell(name)
                _tell(name)
                goes_on.wait(30)
                transaction.set_rollback(is_lost)
        finally:
            connection.close()


def _tell(name: str) -> None:
    services.create_notification(stream_name=name, type="info", title="t", message="m")


def _acknowledged(user_id: int, name: str) -> int:
    found = Receipt.objects.filter(user_id=user_id, stream__name=name).first()
    return found.delivered_seq if found else 0


STEPS = {
    World.tell: 30, World.tell_and_hold: 6, World.end_a_held_one: 5, World.crash_between_commit_and_push: 2,
    World.sweep: 2, World.connect: 14, World.hang_up: 10, World.restart: 1, World.acknowledge: 6,
    World.join: 4, World.join_in_a_burst: 3, World.join_unheard: 2, World.leave: 5, World.rest: 20,
}  # fmt: skip
