"""What may be refused about notifications."""

from http import HTTPStatus

from kernel.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from kernel.realtime import SocketError


class NotificationNotFound(NotFound):
    message = "There is no such notification."


class NoSuchAudience(NotFound):
    code = "no_such_audience"
    message = "There is no such company or role."


class MayNotSendToOthers(Forbidden):
    message = "Only an operator may send a notification to somebody else."


class StreamForbidden(SocketError):
    """A position was named in a stream that is not addressed to whoever is signed in."""

    code = "forbidden"
    status = 403  # type: ignore[assignment]
    message = "A stream is not addressed to you."


class ChannelExists(Conflict):
    code = "channel_exists"
    message = "You have a channel to this address already."


class TooManyChannels(Conflict):
    code = "too_many_channels"
    message = "This is more channels than one person may have."


class ChannelUnverified(Conflict):
    code = "channel_unverified"
    message = "Prove the channel first, with the code that was sent to it."


class ChannelHasNoSecret(Conflict):
    code = "channel_has_no_secret"
    message = "Only a webhook has a secret."


class ChannelUnreadable(Conflict):
    code = "channel_unreadable"
    message = "What was kept of this channel cannot be read any longer; enter its address again."


class CodeNotValid(Invalid):
    code = "code_not_valid"
    message = "The code is wrong or too old, or was tried too often."


class TooManyMessages(DomainError):
    code = "too_many_messages"
    status = HTTPStatus.TOO_MANY_REQUESTS
    message = "You have asked for this too often."


class AnswerLinkNotValid(Conflict):
    code = "answer_link_not_valid"
    message = "This link has been used already or is too old."
