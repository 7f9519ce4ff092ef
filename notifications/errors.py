"""What may be refused about notifications."""

from kernel.errors import Forbidden, NotFound
from kernel.realtime import SocketError


class NotificationNotFound(NotFound):
    message = "There is no such notification."


class MayNotSendToOthers(Forbidden):
    message = "Only an operator may send a notification to somebody else."


class StreamForbidden(SocketError):
    """A position was named in a stream that is not addressed to whoever is signed in."""

    code = "forbidden"
    status = 403  # type: ignore[assignment]
    message = "A stream is not addressed to you."
