"""Who a socket's credential belongs to."""

from accounts import selectors, services
from accounts.errors import InvalidToken
from accounts.models import Session
from kernel.realtime import Identity


def authenticate_socket(kind: str, credential: str) -> Identity | None:
    """The identity behind an access token (`bearer`) or a ticket (`ticket`); none for any other, or a bad one.

    Blocking: it reads the database.
    """
    try:
        if kind == "bearer":
            token = selectors.authenticate_token(credential)
            return _identity(token.session, token.expires_at)
        if kind == "ticket":
            return _identity(*services.redeem_ticket(ticket=credential))
    except InvalidToken:
        return None
    return None


def _identity(session: Session, expires_at: float) -> Identity:
    topics = (f"user:{session.user_id}", f"session:{session.pk}")
    return Identity(user=session.user, topics=topics, expires_at=expires_at)
