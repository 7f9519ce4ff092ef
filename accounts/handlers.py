"""What follows from changes to people: their open sockets close, or work out anew what they may see."""

from accounts.events import SessionRevoked, UserChanged
from accounts.models import User
from kernel.realtime import close_sockets, refresh_sockets
from kernel.realtime.socket import UNAUTHENTICATED


def close_session_sockets(event: SessionRevoked) -> None:
    """Whoever signed out, or was signed out, hears no more."""
    close_sockets(f"session:{event.session_id}", UNAUTHENTICATED)


def refresh_user_sockets(event: UserChanged) -> None:
    """Another role or company moves one's sockets; being shut out closes them."""
    topic = f"user:{event.user_id}"
    if User.objects.filter(pk=event.user_id, is_active=True).exists():
        refresh_sockets(topic)
    else:
        close_sockets(topic, UNAUTHENTICATED)
