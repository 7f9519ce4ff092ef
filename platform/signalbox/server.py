"""Daphne with the platform's background tasks on its own loop, and a stop that says goodbye."""

import asyncio
import logging
from typing import Any

from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor

from kernel.background import Supervisor
from kernel.realtime.hub import close_hub, hub

logger = logging.getLogger(__name__)

WEBSOCKET_LIMIT = 64 * 1024
PING_INTERVAL, PING_TIMEOUT = 20, 20


class Server(DaphneServer):
    """Daphne knows no lifespan: the tasks begin when the reactor runs and end before it stops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(
            websocket_max_message_size=WEBSOCKET_LIMIT,
            websocket_max_frame_size=WEBSOCKET_LIMIT,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            server_name="signalbox",
        )
        super().__init__(*args, **kwargs)
        self._supervisor = Supervisor()

    def run(self) -> None:
        reactor.callWhenRunning(self._begin)
        super().run()

    def _begin(self) -> None:
        loop = asyncio.get_event_loop()
        self._starting = loop.create_task(self._start())

    async def _start(self) -> None:
        hub()  # from here on pushes from any thread go through this loop
        self._supervisor.start()

    def kill_all_applications(self) -> Any:
        """Daphne's own stop, after which the tasks end; the reactor waits for both."""

        async def stop() -> None:
            await asyncio.wait_for(self._supervisor.stop(), timeout=15)
            await close_hub()

        goodbyes = super().kill_all_applications()
        tasks = defer.Deferred.fromFuture(asyncio.ensure_future(stop()))
        tasks.addErrback(lambda failure: logger.error("the tasks did not stop: %s", failure))
        return defer.DeferredList([goodbyes, tasks])
