"""What a server does beside answering: supervised tasks on its own loop, and threads for their database work."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.core.cache import cache
from django.db import connections

from kernel import clock, leases

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")

LEADER = "engine"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
COMPONENT_TTL = 60

THREADS = 4
_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")


async def on_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking `call` on one of a few threads whose database connections are checked before use."""
    return await _on(_threads, partial(call, *args, **kwargs))


class Thread:
    """One thread for work that must keep its order, such as recording bars."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await _on(self._executor, partial(call, *args, **kwargs))


def ahead(pieces: Iterator[T]) -> Iterator[T]:
    """The same `pieces`, each made on a thread of its own while the one before it is used."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as maker:
        coming = maker.submit(_next_of, pieces)
        while found := coming.result():
            coming = maker.submit(_next_of, pieces)
            yield from found


def _next_of(pieces: Iterator[T]) -> list[T]:
    return list(islice(pieces, 1))


class Together(Generic[Q, A]):
    """Many questions answered by one blocking call: those that come while it runs share the next.

    A thousand clients that come back at once are then served by tens of queries. `answer` takes the questions in
    order and gives as many answers; what it raises is raised to each who asked.
    """

    def __init__(self, answer: Callable[[list[Q]], Sequence[A]], most: int = 200) -> None:
        self._answer = answer
        self._most = most
        # One process has one loop; tests have one after the other.
        self._asked: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[tuple[Q, asyncio.Future[A]]]]
        self._asked = WeakKeyDictionary()

    async def ask(self, question: Q) -> A:
        """The answer to `question`, from a call that begins after this one."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[A] = loop.create_future()
        if (asked := self._asked.get(loop)) is not None:
            asked.append((question, future))
        else:
            self._asked[loop] = deque([(question, future)])
            self._asking = loop.create_task(self._ask(loop))
        return await future

    async def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while asked := self._asked[loop]:
                batch = [asked.popleft() for _ in range(min(len(asked), self._most))]
                await self._answer_batch(batch)
        finally:
            del self._asked[loop]

    async def _answer_batch(self, batch: "list[tuple[Q, asyncio.Future[A]]]") -> None:
        try:
            answers = await on_thread(self._answer, [question for question, _ in batch])
        except Exception as error:  # noqa: BLE001  those who asked have it raised
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def close_threads() -> None:
    """Let go of the threads' database connections, at the end of a process or of the tests."""
    together = threading.Barrier(THREADS, timeout=10)

    def close() -> None:
        together.wait()  # so that each thread takes one of these and none takes two
        connections.close_all()

    wait([_threads.submit(close) for _ in range(THREADS)])


async def _on(executor: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    def checked() -> T:
        for connection in connections.all(initialized_only=True):
            # These threads live as long as the process: their connections are kept, and checked before use.
            connection.close_at = None
            connection.close_if_unusable_or_obsolete()
        return call()

    return await asyncio.get_running_loop().run_in_executor(executor, checked)


@dataclass(frozen=True, slots=True)
class Task:
    """A coroutine that runs as long as the server does; one of the leader runs in one process at a time."""

    name: str
    run: Callable[[], Awaitable[None]]
    by_leader: bool = False


_tasks: dict[str, Task] = {}


def keep_running(name: str, run: Callable[[], Awaitable[None]], *, by_leader: bool = False) -> None:
    """Let every server run `run` in the background. Called by the wiring page alone."""
    _tasks[name] = Task(name, run, by_leader)


async def every(seconds: float, call: Callable[[], object]) -> None:
    """Run the blocking `call` again and again with a pause of `seconds`; its failure ends the coroutine."""
    while True:
        await on_thread(call)
        await asyncio.sleep(seconds)


class Supervisor:
    """Starts the registered tasks, restarts one that fails, and gives the leader's tasks to one process."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Called on the server's loop once it listens."""
        for task in _tasks.values():
            if not task.by_leader:
                self._begin(task)
        self._running[LEADER] = asyncio.create_task(self._lead())

    async def stop(self) -> None:
        """End every task and give the leader's lease back."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()
        await on_thread(leases.release, LEADER)

    def _begin(self, task: Task) -> None:
        self._running[task.name] = asyncio.create_task(_supervise(task))

    async def _lead(self) -> None:
        """Hold the lease and run the leader's tasks while it lasts; stand by while another process holds it."""
        while True:
            fencing = await self._try_to_lead()
            names = [task.name for task in _tasks.values() if task.by_leader]
            if fencing is None:
                for name in names:
                    if running := self._running.pop(name, None):
                        running.cancel()
            else:
                for task in _tasks.values():
                    if task.by_leader and task.name not in self._running:
                        self._begin(task)
                await on_thread(report, LEADER, "ok", f"led by {leases.holder_name()}")
            await asyncio.sleep(leases.RENEW_EVERY)

    async def _try_to_lead(self) -> int | None:
        try:
            return await on_thread(leases.take, LEADER)
        except Exception:  # without the database nobody leads
            logger.exception("the leader's lease could not be renewed")
            return None


async def _supervise(task: Task) -> None:
    pause = FIRST_PAUSE
    while True:
        started = clock.monotonic()
        try:
            await task.run()
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a fault in one task must not end the others; it is logged and tried again
            logger.exception("%s failed; starting it again", task.name)
            await on_thread(report, task.name, "error", repr(error)[:200])
        if clock.monotonic() - started > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Component:
    """How a part of the running system says it is: `ok`, `degraded` or `error`, and since when it says so."""

    name: str
    status: str
    detail: str
    reported_at: str


def report(name: str, status: str = "ok", detail: str = "") -> None:
    """Say how the component `name` is; what is silent for a minute is taken as gone."""
    component = Component(name, status, detail, clock.isoformat(clock.now()))
    cache.set(f"component:{name}", asdict(component), COMPONENT_TTL)


def reported(names: list[str]) -> dict[str, Component | None]:
    """The latest word of each component; none for a silent one."""
    found = cache.get_many([f"component:{name}" for name in names])
    return {name: Component(**found[key]) if (key := f"component:{name}") in found else None for name in names}
