"""Whatever the wake-ups do, each reader has each row of a stream once and in order."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest

from kernel.realtime import Head, StreamRow, hub, lanes, streams, wake_stream
from kernel.realtime.dialects import Canonical
from kernel.realtime.frames import Message, Text
from kernel.realtime.hub import SLICE, close_hub
from kernel.realtime.lanes import Reader
from kernel.realtime.outlets import Outlet
from kernel.realtime.streams import Relays

# The threads that read keep their database connections, and check them.
pytestmark = pytest.mark.django_db(transaction=True)


def text_of(seq: int) -> str:
    return msgspec.json.encode({"type": "notification", "payload": {"seq": seq}}).decode()


@dataclass
class Log:
    """One stream in memory, as its table would be read."""

    rows: list[StreamRow] = field(default_factory=list)
    reads: int = 0

    def commit(self) -> StreamRow:
        row = StreamRow(len(self.rows) + 1, text_of(len(self.rows) + 1))
        self.rows.append(row)
        return row

    def heads(self, names: Sequence[str]) -> dict[str, Head]:
        return {name: Head("e", len(self.rows)) for name in names}

    def read(self, stream: str, after: int, limit: int) -> list[StreamRow]:
        self.reads += 1
        return self.rows[after : after + limit]


class Recorder(Outlet):
    """A way out that is never full."""

    def __init__(self, heard: list[int]) -> None:
        super().__init__()
        self._heard = heard

    def write(self, text: Text, newest_only: str | None = None) -> None:
        self._heard.append(msgspec.json.decode(text.text)["payload"]["seq"])

    def _ready(self) -> None:
        raise AssertionError("nothing waits here")


class Ear(Reader):
    """A reader that remembers what it was given, one that chooses (everything) or one that hears with all others."""

    def __init__(self, position: int = 0, chooses: bool = True) -> None:
        super().__init__(position)
        self.start, self.chooses = position, chooses
        self.heard: list[int] = []
        self._outlet = Recorder(self.heard)

    @property
    def dialect(self) -> Canonical | None:
        return None if self.chooses else Canonical()

    @property
    def outlet(self) -> Outlet:
        return self._outlet

    def take(self, seq: int, message: Message) -> None:
        if seq > self.position:
            self.position = seq
            self.heard.append(message.payload["seq"])

    async def room(self) -> None:
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
async def _clean_hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(streams, "LOOK_EVERY", 0.05)
    yield
    await close_hub()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", range(24))
async def test_wake_ups_may_be_lost_doubled_late_and_out_of_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers join, leave and change what they choose meanwhile; with slices of two, there are many of them."""
    for module in (hub, lanes) if seed % 2 else ():
        monkeypatch.setattr(module, "SLICE", 2)
    dice, log = random.Random(seed), Log()
    relays, ears = Relays(log), [Ear(chooses=False)]
    await relays.follow("s", ears[0])
    late: list[StreamRow] = []
    for _ in range(120):
        row = log.commit()
        late.append(row)
        if dice.random() < 0.2:
            continue  # this wake-up comes later, or never
        for told in dice.sample(late, k=min(len(late), dice.randint(1, 3))):
            wake_stream("s", told.seq, told.text if dice.random() < 0.7 else None)
        late = late[-3:]
        if dice.random() < 0.1:
            ears.append(Ear(dice.randint(0, len(log.rows)), chooses=dice.random() < 0.5))
            await relays.follow("s", ears[-1])
        if dice.random() < 0.2:
            ear = dice.choice(ears)
            ear.chooses = not ear.chooses
            relays.regroup("s", ear)
        if dice.random() < 0.05 and len(ears) > 2:
            await left_with_all(relays, ears.pop(), log)
        if dice.random() < 0.3:
            await asyncio.sleep(0)
    await until(lambda: all(ear.position == len(log.rows) for ear in ears))
    for ear in ears:
        await left_with_all(relays, ear, log)


async def left_with_all(relays: Relays, ear: Ear, log: Log) -> None:
    """Leave; what was heard is every row from where it began, once, as far as its position."""
    await relays.unfollow("s", ear)
    assert ear.heard == list(range(ear.start + 1, ear.position + 1))
    assert ear.position <= len(log.rows)


def test_those_who_came_one_by_one_are_gathered() -> None:
    companies, ears = lanes.Companies(), [Ear(number, chooses=number % 2 == 0) for number in range(20)]
    for ear in ears:
        companies.add(ear)
    together = [ear for ear in ears if not ear.chooses]
    assert len({ear.lane for ear in together}) == len(together)
    companies.take(20, Message(text_of(20)))
    companies.gather()
    assert len({ear.lane for ear in together}) == 1
    companies.take(21, Message(text_of(21)))
    assert all(ear.heard == [20, 21] for ear in ears)


async def test_a_wake_up_that_brings_the_next_row_spares_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_EVERY", 60)
    log, ear = Log(), Ear()
    relays = Relays(log)
    await relays.follow("s", ear)
    log.reads = 0
    for _ in range(50):
        row = log.commit()
        wake_stream("s", row.seq, row.text)
    await until(lambda: ear.position == 50)
    assert ear.heard == list(range(1, 51))
    assert log.reads == 0
    await relays.unfollow("s", ear)


async def test_a_crowd_is_served_in_slices_and_keeps_the_order() -> None:
    log = Log()
    relays = Relays(log)
    ears = [Ear(chooses=number % 3 == 0) for number in range(4 * SLICE + 10)]
    for ear in ears:
        await relays.follow("s", ear)
    for _ in range(30):
        row = log.commit()
        wake_stream("s", row.seq, row.text)
    await until(lambda: all(ear.position == 30 for ear in ears))
    assert all(ear.heard == list(range(1, 31)) for ear in ears)
    for ear in ears:
        await relays.unfollow("s", ear)


async def test_pushes_to_a_crowd_keep_their_order_among_each_other() -> None:
    heard: list[list[str]] = [[] for _ in range(SLICE + 50)]
    listeners = [lambda delivery, ear=ear: ear.append(delivery.body["text"]) for ear in heard]
    for listener in listeners:
        await hub.hub().join("t", listener)
    for number in range(20):
        hub.deliver({"topic": "t", "text": str(number)})
    await until(lambda: all(len(ear) == 20 for ear in heard))
    assert all(ear == [str(number) for number in range(20)] for ear in heard)
