"""Daphne with the platform's background tasks on its own loop, and a stop that says goodbye."""

import asyncio
import logging
from typing import Any

from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor

from kernel import memory
from kernel.background import Supervisor
from kernel.realtime.hub import close_hub, hub
from kernel.realtime.outlets import EXTENSION
from signalbox.bodies import bound_requests
from signalbox.wire import Connection, WireOutlet

logger = logging.getLogger(__name__)

WEBSOCKET_LIMIT = 64 * 1024
PING_INTERVAL, PING_TIMEOUT = 20, 20
REQUESTS_WITHIN = 20
STOP_WITHIN = 15


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
        self._ports: list[Any] = []
        self._is_stopping = False

    def run(self) -> None:
        memory.settle()
        reactor.callWhenRunning(self._begin)
        super().run()

    def _begin(self) -> None:
        # Say 1009 or 1007 before hanging up, so that a client learns what was wrong.
        self.ws_factory.setProtocolOptions(failByDrop=False)
        self.ws_factory.protocol = Connection
        bound_requests(self.http_factory)
        loop = asyncio.get_event_loop()
        self._starting = loop.create_task(self._start())

    async def _start(self) -> None:
        hub()  # from here on pushes from any thread go through this loop
        self._supervisor.start()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self._ports.append(port)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Offer each socket a way out that knows its connection; a server that stops takes on no request."""
        if self._is_stopping and scope["type"] == "http":
            protocol.basic_error(503, b"Service Unavailable", "")
            return None
        if scope["type"] == "websocket":
            protocol.outlet = WireOutlet(protocol)
            scope["extensions"] = {EXTENSION: protocol.outlet}
        return super().create_application(protocol, scope)

    def kill_all_applications(self) -> Any:
        """What the reactor waits for before it stops: the sockets' goodbyes, the last answers, the end of the tasks."""
        stopping = defer.Deferred.fromFuture(asyncio.ensure_future(self._stop()))
        stopping.addErrback(lambda failure: logger.error("the stop was not clean: %s", failure))
        return stopping

    async def _stop(self) -> None:
        # Not Daphne's own: it stumbles over a kept-alive connection without a request and leaves the rest unsaid.
        self._is_stopping = True
        for port in self._ports:
            port.stopListening()
        requests = self._running(sockets=False)
        await _cancel(self._running(sockets=True))
        if requests:
            await asyncio.wait(requests, timeout=REQUESTS_WITHIN)
        await _cancel(requests)
        await asyncio.wait_for(self._supervisor.stop(), timeout=STOP_WITHIN)
        await close_hub()

    def _running(self, *, sockets: bool) -> "list[asyncio.Future[None]]":
        """The applications of all sockets, or of all requests, that have not ended."""
        applications = [
            details.get("application_instance")
            for protocol, details in self.connections.items()
            if isinstance(protocol, Connection) is sockets
        ]
        return [application for application in applications if application and not application.done()]


async def _cancel(applications: "list[asyncio.Future[None]]") -> None:
    for application in applications:
        application.cancel()
    await asyncio.gather(*applications, return_exceptions=True)
