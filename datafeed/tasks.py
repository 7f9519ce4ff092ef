"""The feed: every enabled provider's live bars, recorded and shown for as long as the server runs."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import connections

from datafeed import services
from datafeed.errors import BadBar, PositionLost
from datafeed.providers import enabled_providers
from datafeed.providers.base import BarUpdate, Positions, Provider
from datafeed.selectors.health import COMPONENT
from kernel.background import Thread, report
from kernel.realtime.hub import hub

logger = logging.getLogger(__name__)

SAY_EVERY = 5.0
LOOK_AGAIN = 5.0  # seconds between looks at a provider that has nothing more to give
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


async def run_feed() -> None:
    """Catch up the history of every enabled provider, then follow them all until cancelled."""
    providers = [provider for provider in enabled_providers() if provider.capabilities.live]
    feed = Feed(providers)
    try:
        await feed.thread.call(report, COMPONENT, "ok", "catching up")
        await feed.thread.call(services.ensure_demo_market)
        await asyncio.gather(feed.keep_saying(), *(feed.follow(provider) for provider in providers))
    finally:
        await feed.thread.call(connections.close_all)


class Feed:
    """One run of the feed: its thread, its audience and how each provider stands."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.thread = Thread("feed")
        self.audience = services.Audience(_listeners())
        self.standings = dict.fromkeys((provider.key for provider in providers), "starting")
        self.faults: dict[str, str] = {}

    async def follow(self, provider: Provider) -> None:
        """Follow `provider` for ever, beginning again from the store after a fault and at its end."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._follow_once(provider)
                self.faults.pop(provider.key, None)
                pause = FIRST_PAUSE
                await asyncio.sleep(LOOK_AGAIN)
            except PositionLost as lost:
                logger.info("%s", lost)
            except Exception as error:  # one provider's fault must not end the others
                logger.exception("provider %s failed; following it again", provider.key)
                self.audience.errors += 1
                self.faults[provider.key] = repr(error)[:200]
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _follow_once(self, provider: Provider) -> None:
        live = await self.thread.call(services.open_live, provider=provider)
        positions: Positions = {key: series.newest for key, series in live.items()}
        self.standings[provider.key] = provider.standing(positions)
        async for update in provider.live(positions):
            if update.series in live:
                await self._take(live[update.series], update)
            if update.is_closed:
                self.standings[provider.key] = provider.standing({key: one.newest for key, one in live.items()})

    async def _take(self, live: services.LiveSeries, update: BarUpdate) -> None:
        try:
            await self.thread.call(services.take_update, live=live, update=update, audience=self.audience)
        except BadBar as error:
            # Beginning again would only meet the same bar again.
            logger.warning("%s: a bar is left out: %s", live.series, error.errors)
            self.audience.errors += 1
        else:
            self.faults.pop(live.provider.key, None)

    async def keep_saying(self) -> None:
        """Report the component and leave word for health pages, again and again."""
        while True:
            await self.thread.call(self._say)
            await asyncio.sleep(SAY_EVERY)

    def _say(self) -> None:
        said = {**self.standings, **self.faults}
        detail = "; ".join(f"{key}: {text}" for key, text in said.items())
        report(COMPONENT, "degraded" if self.faults else "ok", detail)
        services.say_standing(audience=self.audience, standings=self.standings, faults=self.faults)


def _listeners() -> Callable[[str], bool]:
    """Whether anybody listens to a topic; with several processes nobody knows, so everybody is assumed."""
    if settings.CHANNEL_LAYERS["default"]["BACKEND"].endswith(".InMemoryChannelLayer"):
        return hub().has_listeners
    return lambda topic: True
