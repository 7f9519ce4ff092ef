"""What waits for a reader: the last word on each moment while it keeps up, else the newest alone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kernel.realtime.frames import Text
from kernel.realtime.outlets import MOST_MESSAGES, MOST_MOMENTS, TOO_SLOW, PlainOutlet


class Line:
    """A connection whose reader reads while `flows` is set; `heard` is what got through."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.heard: list[str] = []
        self.outlet = PlainOutlet(self._send)

    async def _send(self, event: dict[str, Any]) -> None:
        await self.flows.wait()
        self.heard.append(event.get("text") or str(event["code"]))

    async def stall(self) -> None:
        """Let one text be under way, so that all others wait."""
        self.outlet.write(Text("first"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def drain(self) -> list[str]:
        """What is heard of all that waits."""
        self.heard.clear()
        self.flows.set()
        async with asyncio.timeout(5):
            while self.outlet._queue or not self.heard:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.heard[1:]

    def write(self, kind: str, moment: int, state: int) -> None:
        self.outlet.write(Text(f"{kind} {moment}.{state}"), newest_only=f"{kind}@{moment}")


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    found = Line()
    await found.stall()
    yield found
    found.outlet.drop()


async def test_the_last_word_on_each_moment_waits_for_whoever_keeps_up(line: Line) -> None:
    for moment in range(MOST_MOMENTS):
        for state in range(3):
            line.write("a", moment, state)
            line.write("b", moment // 8, state)
    told = await line.drain()
    assert [text for text in told if text[0] == "a"] == [f"a {moment}.2" for moment in range(MOST_MOMENTS)]
    assert [text for text in told if text[0] == "b"] == ["b 0.2", "b 1.2"]


async def test_of_a_kind_that_has_fallen_behind_only_the_newest_waits(line: Line) -> None:
    line.write("b", 1, 0)
    for moment in range(1_000_000, 1_000_000 + 50 * MOST_MOMENTS):
        line.write("a", moment, 0)
        line.write("a", moment, 1)
    line.outlet.write(Text("plain"))
    line.write("b", 2, 0)
    assert await line.drain() == ["b 1.0", f"a {1_000_000 + 50 * MOST_MOMENTS - 1}.1", "plain", "b 2.0"]
    assert (line.outlet.close_code, line.outlet._bytes) == (None, 0)


async def test_a_reader_that_has_caught_up_gets_each_moment_again(line: Line) -> None:
    for moment in range(2 * MOST_MOMENTS):
        line.write("a", moment, 0)
    await line.drain()
    line.flows.clear()
    await line.stall()
    for moment in (100, 101, 102):
        line.write("a", moment, 0)
    assert await line.drain() == ["a 100.0", "a 101.0", "a 102.0"]


async def test_many_kinds_fall_behind_together_before_their_reader_is_closed(line: Line) -> None:
    kinds = [f"k{number}" for number in range(MOST_MESSAGES // 5)]
    for moment in range(10):
        for kind in kinds:
            line.write(kind, moment, 0)
    assert line.outlet.close_code is None
    told = await line.drain()
    assert len(told) < MOST_MESSAGES
    for kind in kinds:
        heard = [int(text.split()[1].partition(".")[0]) for text in told if text.split()[0] == kind]
        assert heard == sorted(heard)
        assert heard[-1] == 9


async def test_what_must_not_be_lost_still_closes_its_reader(line: Line) -> None:
    for number in range(MOST_MESSAGES + 2):
        line.write("a", number, 0)
        line.outlet.write(Text("notification"))
    assert line.outlet.close_code == TOO_SLOW
