"""What a client may ask on a socket: one table from message type to request type and handler."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kernel.background import Together
from kernel.realtime.messages import Answer, Request
from kernel.realtime.streams import StreamSource

if TYPE_CHECKING:
    from kernel.realtime.socket import Identity, Socket

R = TypeVar("R", bound=Request)
OperationHandler = Callable[["Socket", R], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One request: its `name`, its payload's and its answer's types, who serves it, whether strangers may ask, and the
    scope that an API key needs for it."""

    name: str
    request: type[Request]
    answer: type[Answer]
    handler: OperationHandler[Any]
    is_public: Callable[[], bool]
    summary: str
    scope: str


class Authenticator(Protocol):
    """Finds who each (kind, credential) belongs to; none for a bad one. Blocking; runs on a database thread."""

    def __call__(self, credentials: Sequence[tuple[str, str]]) -> "Sequence[Identity | None]": ...


_operations: dict[str, Operation] = {}
_authenticator: "list[Together[tuple[str, str], Identity | None]]" = []
_stream_source: list[StreamSource] = []


def _never() -> bool:
    return False


def operation(
    name: str,
    request: type[R],
    *,
    answer: type[Answer] = Answer,
    is_public: Callable[[], bool] = _never,
    scope: str = "read",
) -> Callable[[OperationHandler[R]], OperationHandler[R]]:
    """Serve the message type `name`; what the handler returns are the fields of `answer`, sent as `<name>.response`.

    `scope` is what a credential with scopes must have; what changes something names another than `read`.
    """

    def register(handler: OperationHandler[R]) -> OperationHandler[R]:
        summary = (handler.__doc__ or name).strip().splitlines()[0]
        _operations[name] = Operation(name, request, answer, handler, is_public, summary, scope)
        return handler

    return register


def find_operation(name: str) -> Operation | None:
    return _operations.get(name)


def operations() -> list[Operation]:
    """Every operation, by name."""
    return sorted(_operations.values(), key=lambda operation: operation.name)


def use_authenticator(authenticator: Authenticator) -> None:
    """Called by the wiring page: the floor does not know how people sign in."""
    _authenticator[:] = [Together(authenticator)]


def use_stream_source(source: StreamSource) -> None:
    """Called by the wiring page: the floor does not know where streams are kept."""
    _stream_source[:] = [source]


async def authenticate(kind: str, credential: str) -> "Identity | None":
    """Who the credential belongs to; none for a bad one."""
    return await _authenticator[0].ask((kind, credential))


def stream_source() -> StreamSource:
    return _stream_source[0]
