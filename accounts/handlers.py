"""What follows from changes to people: their open sockets close."""

from accounts.events import SessionRevoked, UserChanged
from kernel.realtime import close_sockets
from kernel.realtime.socket import UNAUTHENTICATED


def close_session_sockets(event: SessionRevoked) -> None:
    """Whoever signed out, or was signed out, hears no more."""
    close_sockets(f"session:{event.session_id}", UNAUTHENTICATED)


def close_user_sockets(event: UserChanged) -> None:
    """Another role or company, or being shut out: whoever may still come back does so as who they are now."""
    close_sockets(f"user:{event.user_id}", UNAUTHENTICATED)
