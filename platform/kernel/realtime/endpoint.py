"""A socket path as an ASGI application: handshake, sign-in, the reading loop and its limits."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from django.conf import settings

from kernel import clock
from kernel.errors import DomainError, problem
from kernel.realtime import socket as sockets
from kernel.realtime.crowds import strangers
from kernel.realtime.dialects import Canonical
from kernel.realtime.handshake import client_of, find_credential, host_is_allowed, origin_is_allowed
from kernel.realtime.messages import Answer, Envelope, MessageId, Payload, Push, Request
from kernel.realtime.operations import Operation, authenticate, find_operation, operation
from kernel.realtime.outlets import EXTENSION, PlainOutlet, Send
from kernel.realtime.socket import Identity, Socket, SocketError

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
T = TypeVar("T")

AUTH_WITHIN = 10.0
LONGEST_MESSAGE = 64 * 1024
MOST_MISTAKES = 20
MESSAGES_A_SECOND, BURST = 20.0, 100.0

_PLACE = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_FIELD = re.compile(r"field `([^`]*)`")


class AuthRequest(Request, frozen=True, kw_only=True):
    token: str


class SignedIn(Answer, frozen=True, kw_only=True):
    """Who one is, and until when: ISO 8601 UTC, none for a credential without an end."""

    user_id: int
    expires_at: str | None


class ErrorPayload(Payload, frozen=True, kw_only=True):
    code: str
    detail: str
    status: int
    type: str = "about:blank"
    title: str = ""
    request_id: str = ""
    errors: dict[str, Any] | None = None


class ErrorMessage(Push, frozen=True, kw_only=True, tag="error"):
    """A message that could not be carried out, with the same fields as REST's problem."""

    payload: ErrorPayload
    id: str | int | None = None


@operation("auth", AuthRequest, answer=SignedIn)
async def sign_in(socket: Socket, request: AuthRequest) -> dict[str, Any]:
    """Sign in on an open connection, or prolong it with a fresh token."""
    identity = await authenticate("bearer", request.token)
    if identity is None:
        socket.close(sockets.UNAUTHENTICATED)
        raise SocketError("The token is not valid.")
    await socket.sign_in(identity)
    if socket.is_closing:
        raise SocketError("You have too many connections.")
    until = identity.expires_at
    expires_at = clock.isoformat(clock.from_epoch(int(until))) if until else None
    return {"user_id": identity.user.pk, "expires_at": expires_at}


@dataclass(frozen=True)
class Endpoint:
    """One socket path.

    `on_sign_in` runs when somebody has signed in (own inbox subscribed, for instance); `admits` may refuse the
    signed-in user of a path that names somebody; `is_open` says that strangers may stay and use public operations.
    """

    dialect: Canonical = field(default_factory=Canonical)
    on_sign_in: Callable[[Socket], Awaitable[None]] | None = None
    on_refresh: Callable[[Socket], Awaitable[None]] | None = None
    admits: Callable[[Identity, dict[str, Any]], bool] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not host_is_allowed(scope) or not origin_is_allowed(scope):
            await send({"type": "websocket.close"})
            return
        credential = find_credential(scope)
        accept: dict[str, Any] = {"type": "websocket.accept"}
        if credential and credential[0] == "subprotocol":
            accept["subprotocol"] = "bearer"
        await send(accept)
        outlet = scope.get("extensions", {}).get(EXTENSION) or PlainOutlet(send)
        socket = Socket(outlet, self.dialect, on_refresh=self.on_refresh)
        await _Connection(self, scope, receive, socket, credential).run()


@dataclass(eq=False)
class _Connection:
    endpoint: Endpoint
    scope: dict[str, Any]
    receive: Receive
    socket: Socket
    credential: tuple[str, str] | None
    mistakes: int = 0
    allowance: float = BURST
    counted_at: float = 0.0

    async def run(self) -> None:
        # Whoever brings a credential is known in a moment; all others wait at the door for as long as they like.
        stranger = None if self.credential else client_of(self.scope)
        if stranger and not strangers.enter(stranger, settings.WS_STRANGERS_PER_ADDRESS):
            self.socket.close(sockets.TOO_MUCH)
            await self._until_gone()
            return
        try:
            await self._serve()
        finally:
            if stranger:
                strangers.leave(stranger)

    async def _serve(self) -> None:
        try:
            await self._read()
        except asyncio.CancelledError:
            # The server stops: say so, so that the client comes back with jitter and resumes.
            await self._send_away()
            raise
        except Exception:  # a fault of ours ends this connection alone; its client may come back
            logger.exception("a socket ended with an error")
            await self._send_away()
        finally:
            await self.socket.forget()

    async def _send_away(self) -> None:
        self.socket.close(sockets.RESTARTING)
        await self.socket.outlet.finish()

    async def _read(self) -> None:
        if self.credential and not await self._admit(*self.credential):
            await self._until_gone()
            return
        silence = asyncio.get_running_loop().call_later(AUTH_WITHIN, self._close_if_stranger)
        try:
            while True:
                event = await self.receive()
                if event["type"] == "websocket.disconnect":
                    return
                if self.socket.is_closing:
                    continue
                await self._take(event)
        finally:
            silence.cancel()

    async def _until_gone(self) -> None:
        while (await self.receive())["type"] != "websocket.disconnect":
            pass

    def _close_if_stranger(self) -> None:
        # A stranger may stay only for public data, and has then asked for some by now.
        if self.socket.identity is None and not self.socket.settings_of.get("public"):
            self.socket.close(sockets.SILENT)

    async def _admit(self, kind: str, credential: str) -> bool:
        identity = await authenticate("bearer" if kind == "subprotocol" else kind, credential)
        if identity is None:
            self.socket.close(sockets.UNAUTHENTICATED)
            return False
        await self.socket.sign_in(identity)
        return not self.socket.is_closing and await self._welcome(identity)

    async def _welcome(self, identity: Identity) -> bool:
        if self.endpoint.admits and not self.endpoint.admits(identity, self.scope["url_route"]["kwargs"]):
            self.socket.close(sockets.NOT_YOURS)
            return False
        if self.endpoint.on_sign_in:
            await self.endpoint.on_sign_in(self.socket)
        return True

    async def _take(self, event: dict[str, Any]) -> None:
        text = event.get("text")
        if text is None:
            self.socket.close(sockets.INVALID)
            return
        if not self._may_speak():
            self.socket.close(sockets.TOO_MUCH)
            return
        if text == "ping":
            self._pong(None)
            return
        request_id: str | int | None = None
        try:
            request_id = _id_of(text)
            envelope = _decode(text, Envelope)
            await self._carry_out(envelope)
        except DomainError as error:
            self._refuse(error, request_id)
        except Exception:  # a fault of ours ends the message, not the connection
            logger.exception("a socket message failed")
            self._refuse(_OurFault(), request_id)

    def _may_speak(self) -> bool:
        now = clock.monotonic()
        earned = (now - self.counted_at) * MESSAGES_A_SECOND if self.counted_at else BURST
        self.allowance = min(BURST, self.allowance + earned) - 1
        self.counted_at = now
        return self.allowance >= 0

    def _pong(self, request_id: str | int | None) -> None:
        plain = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get("plain") == ["1"]
        self.socket.answer(self.socket.dialect.pong(request_id, plain))

    async def _carry_out(self, envelope: Envelope) -> None:
        if envelope.type == "ping":
            self._pong(envelope.id)
            return
        found = find_operation(envelope.type)
        if found is None:
            if self.socket.dialect.pong_to_anything and self.socket.identity:
                self._pong(envelope.id)
                return
            raise SocketError(f"There is no message of type {envelope.type[:64]!r}.", errors={"type": ["unknown"]})
        self._check_allowed(found)
        request = _decode(bytes(envelope.payload), found.request)
        was_stranger = self.socket.identity is None
        answer = await found.handler(self.socket, request)
        if answer is not None:
            payload = {"status": "ok", "message": "", **answer}
            # What the API's document does not say is not sent.
            msgspec.convert(payload, found.answer)
            self.socket.answer(self.socket.dialect.answer(f"{found.name}.response", envelope.id, payload))
        if was_stranger and self.socket.identity:
            await self._welcome(self.socket.identity)

    def _check_allowed(self, found: Operation) -> None:
        if found.name == "auth":
            return
        if identity := self.socket.identity:
            if identity.scopes is not None and found.scope not in identity.scopes:
                raise ScopeMissing(f"The scope {found.scope} is needed.")
            return
        if not found.is_public():
            raise NeedsSignIn
        self.socket.settings_of["public"] = True

    def _refuse(self, error: DomainError, request_id: str | int | None) -> None:
        body = problem(error.status, error.code, error.message, error.errors)
        message = ErrorMessage(payload=ErrorPayload(**body), id=request_id)
        if isinstance(error, _Undecodable) or error.code == SocketError.code:
            self.mistakes += 1
        self.socket.tell(message)
        if self.mistakes >= MOST_MISTAKES:
            self.socket.close(sockets.INVALID)


class NeedsSignIn(SocketError):
    code = "not_authenticated"
    status = 401  # type: ignore[assignment]
    message = "Sign in first."


class ScopeMissing(SocketError):
    code = "scope_missing"
    status = 403  # type: ignore[assignment]
    message = "This API key does not allow that."


class _OurFault(DomainError):
    """Not counted among the client's mistakes."""

    code = "internal_error"
    status = 500  # type: ignore[assignment]
    message = "Something went wrong on our side."


class _Undecodable(DomainError):
    code = "validation_error"
    message = "The message is not valid."


def _decode(text: str | bytes, kind: type[T]) -> T:
    if len(text) > LONGEST_MESSAGE:
        raise _Undecodable(f"A message may have {LONGEST_MESSAGE} bytes.")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        text = str(error)
        raise _Undecodable(f"The message is not valid: {text[:160]}", errors={_field_of(text): [text[:160]]}) from None


def _field_of(fault: str) -> str:
    """The field that a message of msgspec is about, such as `streams[...].seq`; `payload` where it is all of it."""
    names = [found[1] for pattern in (_PLACE, _FIELD) if (found := pattern.search(fault)) and found[1]]
    return ".".join(names)[:100] or "payload"


class _Numbered(msgspec.Struct, frozen=True):
    """Of a message, its id alone: an answer carries it even where all the rest is wrong."""

    id: MessageId = None


def _id_of(text: str) -> MessageId:
    try:
        return msgspec.json.decode(text, type=_Numbered).id if len(text) <= LONGEST_MESSAGE else None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
