"""What happens to people and their sessions."""

from dataclasses import dataclass
from typing import ClassVar

from kernel.events import Event


@dataclass(frozen=True)
class UserRegistered(Event):
    """Somebody has an account now."""

    durable: ClassVar[bool] = True
    user_id: int


@dataclass(frozen=True)
class UserChanged(Event):
    """Somebody's role, company or permission to sign in has changed."""

    durable: ClassVar[bool] = True
    user_id: int


@dataclass(frozen=True)
class UserDeleted(Event):
    """Somebody's account is gone, with everything that was in its tables."""

    durable: ClassVar[bool] = True
    user_id: int


@dataclass(frozen=True)
class SessionRevoked(Event):
    """One sign-in has ended before its time: signed out, its refresh token used twice, its owner shut out."""

    durable: ClassVar[bool] = True
    session_id: str
    user_id: int


@dataclass(frozen=True)
class ApiKeyRevoked(Event):
    """A machine's credential has ended before its time."""

    durable: ClassVar[bool] = True
    api_key_id: int
    user_id: int


@dataclass(frozen=True)
class KycReviewed(Event):
    """An identity check was decided: `status` is `approved` or `rejected`.

    Why is read from the submission, where it can be erased: an event that failed is kept.
    """

    durable: ClassVar[bool] = True
    user_id: int
    submission_id: int
    status: str


@dataclass(frozen=True)
class KycErased(Event):
    """Somebody had their identity checks erased, with every reason that was given."""

    durable: ClassVar[bool] = True
    user_id: int
