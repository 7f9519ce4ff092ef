"""HTTP on a fixed set of threads, each with its database connection.

Django's own ASGI handler starts a thread, and so opens a connection, for each request, and lets every middleware hop
between loop and thread: half of the time of a small request.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import HttpResponseBase
from django.urls import set_script_prefix

from signalbox.hot import MOST_BODY, HotPages


class PooledHandler(ASGIHandler):
    """Answers each request in one go on one of `HTTP_THREADS` threads; what is streamed goes on a thread of its own."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(settings.HTTP_THREADS, thread_name_prefix="http")
        self._hot = HotPages()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            if not self._hot.is_one(scope["method"], scope["path"]) or not await self._sent_hot(scope, body, send):
                await self._take_the_long_way(scope, body, send)
        finally:
            body.close()

    async def _sent_hot(self, scope: Any, body: Any, send: Any) -> bool:
        """Whether the answer could be had a short way, and was sent."""
        sent = body.read(MOST_BODY + 1)
        body.seek(0)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._hot.answer, scope, sent)
        if found is not None:
            await send({"type": "http.response.start", "status": found.status, "headers": found.headers})
            await send({"type": "http.response.body", "body": found.body})
        return found is not None

    async def _take_the_long_way(self, scope: Any, body: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._threads, self._answer, scope, body)
        if response.streaming:
            async with ThreadSensitiveContext():
                await self.send_response(response, send)
                await sync_to_async(response.close)()
        else:
            await self.send_response(response, send)

    def _answer(self, scope: Any, body: Any) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response = cast(HttpResponseBase, refusal if request is None else self.get_response(request))
        if request is not None and self._hot.is_one(scope["method"], scope["path"]):
            self._hot.learn(scope, request, response)
        if not response.streaming:
            # Its content is there already: the end of the request belongs to the thread that served it.
            response.close()
        return response
