"""The feed: every active provider's live bars, recorded and shown for as long as the server runs."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass

from django.db import connections

from datafeed import services
from datafeed.errors import BadBar, PositionLost
from datafeed.events import FeedFell, FeedRecovered
from datafeed.hearing import Hearing
from datafeed.providers.base import BarUpdate, Positions, Provider, ProviderFailed, SeriesKey
from datafeed.selectors import hours_of
from datafeed.selectors.health import COMPONENT
from datafeed.selectors.providers import active_providers
from kernel import clock
from kernel.background import Thread, report
from kernel.events import publish
from kernel.realtime import has_listeners

logger = logging.getLogger(__name__)

SAY_EVERY = 5.0
LOOK_AGAIN = 5.0  # seconds between looks at accounts, and at a provider that has nothing more to give
LISTEN_EVERY = 1.0  # seconds between looks at whether a provider has fallen silent
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
TOLD_AFTER = 60  # seconds that a fault lasts before operators are told
UNTIL_CHANGED = 300.0  # seconds that a provider is left alone which somebody has to do something about


class FeedMute(Exception):
    """A provider is connected and says nothing although a market is open."""


async def run_feed() -> None:
    """Follow every active provider until cancelled; accounts that come, change or go are noticed."""
    feed = Feed()
    following: dict[str, Following] = {}
    try:
        await feed.thread.call(report, COMPONENT, "ok", "catching up")
        await feed.thread.call(services.ensure_demo_market)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.keep_saying())
            while True:
                await feed.arrange(following, await feed.thread.call(active_providers), group)
                await asyncio.sleep(LOOK_AGAIN)
    finally:
        await feed.thread.call(connections.close_all)


@dataclass
class Following:
    """A provider that is followed, and how often it had to be started again because it had fallen silent."""

    provider: Provider
    task: asyncio.Task[None]


@dataclass
class State:
    """How a provider stands, for health pages."""

    standing: str = "starting"
    fault: str = ""
    restarts: int = 0
    put_aside: int = 0
    fruitless: int = 0
    """Restarts since something was last heard."""
    fell_at: int = 0
    """Since when it has a fault, epoch seconds UTC; 0 while it has none."""
    is_told: bool = False
    """Whether operators were told of the fault."""


class Feed:
    """One run of the feed: its thread, its audience and how each provider stands."""

    def __init__(self) -> None:
        self.thread = Thread("feed")
        self.audience = services.Audience(has_listeners)
        self.states: dict[str, State] = {}
        self.lives: dict[str, dict[SeriesKey, services.LiveSeries]] = {}

    async def arrange(
        self, following: dict[str, Following], providers: list[Provider], group: asyncio.TaskGroup
    ) -> None:
        """Follow each of `providers` that is not followed yet as it is now, and nobody else."""
        wanted = {provider.key: provider for provider in providers if provider.capabilities.live}
        for key in list(following):
            if key not in wanted or _is_changed(following[key].provider, wanted[key]):
                task = following.pop(key).task
                task.cancel()
                await asyncio.wait([task])
        for key in [key for key in self.states if key not in wanted]:
            del self.states[key]
        for key, provider in wanted.items():
            if key not in following:
                self.states.setdefault(key, State()).fault = ""
                following[key] = Following(provider, group.create_task(self.follow(provider)))

    async def follow(self, provider: Provider) -> None:
        """Follow `provider` for ever, beginning again from the store after a fault and at its end."""
        own, pause = Thread(f"feed-{provider.key}"), FIRST_PAUSE
        try:
            while True:
                state = self.states[provider.key]
                began = clock.monotonic()
                wait = await self._follow_until_fault(provider, own, state)
                if clock.monotonic() - began > LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                if wait is None:
                    # Many servers that lost the same vendor at once do not come back at once.
                    wait, pause = pause * random.uniform(0.5, 1.0), min(2 * pause, LONGEST_PAUSE)
                await asyncio.sleep(wait)
        finally:
            await own.call(connections.close_all)

    async def _follow_until_fault(self, provider: Provider, own: Thread, state: State) -> float | None:
        """Follow `provider` once; the seconds to wait before the next time, none where it is for us to choose."""
        try:
            await self._follow_once(provider, own)
            state.fault = ""
            return LOOK_AGAIN
        except PositionLost as lost:
            logger.info("%s", lost)
            return 0.0
        except FeedMute as mute:
            state.restarts, state.fruitless = state.restarts + 1, state.fruitless + 1
            state.fault = f"{mute}; started again {_times(state.restarts)}"
            logger.warning("%s: %s", provider.key, state.fault)
            return 0.0
        except ProviderFailed as failure:
            state.fault = str(failure)
            logger.warning("%s: %s", provider.key, failure)
            return UNTIL_CHANGED if failure.is_permanent else failure.retry_after
        except Exception as error:  # one provider's fault must not end the others
            logger.exception("provider %s failed; following it again", provider.key)
            self.audience.errors += 1
            state.fault = repr(error)[:200]
            return None

    async def _follow_once(self, provider: Provider, own: Thread) -> None:
        state = self.states[provider.key]
        added = await own.call(services.catch_up, provider=provider)
        live = await self.thread.call(services.open_live, provider=provider, audience=self.audience)
        self.lives[provider.key] = live
        if added:
            await self.thread.call(services.show_newest, lives=live.values(), audience=self.audience)
        hearing = await self.thread.call(_new_hearing, provider, live, state.fruitless)
        taking = asyncio.ensure_future(self._take_all(provider, live, hearing))
        listening = asyncio.ensure_future(_listen(hearing))
        try:
            await asyncio.wait({taking, listening}, return_when=asyncio.FIRST_COMPLETED)
            await (taking if taking.done() else listening)
        finally:
            self.lives.pop(provider.key, None)
            for task in (taking, listening):
                task.cancel()
            await asyncio.gather(taking, listening, return_exceptions=True)

    async def _take_all(
        self, provider: Provider, live: dict[SeriesKey, services.LiveSeries], hearing: Hearing | None
    ) -> None:
        state = self.states[provider.key]
        positions: Positions = {key: series.newest for key, series in live.items()}
        state.standing = provider.standing(positions)
        updates, counted = provider.live(positions), provider.put_aside
        try:
            async for update in updates:
                if hearing is not None and not update.was_missed:
                    hearing.hear(update.series, clock.now().timestamp())
                if update.series in live:
                    await self._take(live[update.series], update, state)
                state.put_aside, counted = state.put_aside + provider.put_aside - counted, provider.put_aside
                if update.is_closed:
                    state.standing = provider.standing({key: one.newest for key, one in live.items()})
        finally:
            if isinstance(updates, AsyncGenerator):
                await updates.aclose()  # closes its connection now, not when it is collected

    async def _take(self, live: services.LiveSeries, update: BarUpdate, state: State) -> None:
        try:
            await self.thread.call(services.take_update, live=live, update=update, audience=self.audience)
        except BadBar as error:
            # Beginning again would only meet the same bar again.
            logger.warning("%s: a bar is left out: %s", live.series, error.errors)
            self.audience.errors += 1
            return
        if not update.was_missed:
            state.fault, state.fruitless = "", 0

    async def keep_saying(self) -> None:
        """Report the component and leave word for health pages, again and again; show what was mended meanwhile."""
        while True:
            await self.thread.call(self._say)
            lives = [live for series in self.lives.values() for live in series.values()]
            await self.thread.call(services.mend_live, lives=lives, audience=self.audience)
            await asyncio.sleep(SAY_EVERY)

    def _say(self) -> None:
        for key, state in self.states.items():
            _tell_operators(key, state, int(clock.now().timestamp()))
        detail = "; ".join(f"{key}: {state.fault or state.standing}" for key, state in self.states.items())
        is_well = not any(state.fault for state in self.states.values())
        report(COMPONENT, "ok" if is_well else "degraded", detail)
        services.say_standing(audience=self.audience, states={key: asdict(state) for key, state in self.states.items()})


def _tell_operators(key: str, state: State, now: int) -> None:
    """Publish a fault that has lasted for a while, once, and its end."""
    if not state.fault:
        if state.is_told:
            publish(FeedRecovered(key, state.fell_at))
        state.fell_at, state.is_told = 0, False
        return
    state.fell_at = state.fell_at or now
    if not state.is_told and now - state.fell_at >= TOLD_AFTER:
        state.is_told = True
        publish(FeedFell(key, state.fault, state.fell_at))


def _is_changed(old: Provider, new: Provider) -> bool:
    return getattr(old, "setup", None) != getattr(new, "setup", None)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _new_hearing(provider: Provider, live: dict[SeriesKey, services.LiveSeries], fruitless: int) -> Hearing | None:
    """Ears for `provider`, the more patient the oftener starting it again was in vain."""
    if provider.pace is None or not live:
        return None
    hours = {key: hours_of(one.series) for key, one in live.items()}
    return Hearing(hours, provider.pace, clock.now().timestamp(), patience=2.0**fruitless)


async def _listen(hearing: Hearing | None) -> None:
    """Wait until the provider has fallen silent, and raise `FeedMute`."""
    while True:
        await asyncio.sleep(LISTEN_EVERY)
        found = hearing.mute_since(clock.now().timestamp()) if hearing else None
        if found is not None:
            since, what = found
            at = clock.from_epoch(int(since))
            raise FeedMute(f"connected, but mute since {at:%H:%M:%S} UTC ({what})")
