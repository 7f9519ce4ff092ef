"""What follows from changes to people: their open sockets close, and the trail knows of the control panel."""

from typing import Any

from accounts.events import ApiKeyRevoked, SessionRevoked, UserChanged
from kernel import audit
from kernel.realtime import close_sockets
from kernel.realtime.socket import UNAUTHENTICATED


def close_session_sockets(event: SessionRevoked) -> None:
    """Whoever signed out, or was signed out, hears no more."""
    close_sockets(f"session:{event.session_id}", UNAUTHENTICATED)


def close_user_sockets(event: UserChanged) -> None:
    """Another role or company, or being shut out: whoever may still come back does so as who they are now."""
    close_sockets(f"user:{event.user_id}", UNAUTHENTICATED)


def close_key_sockets(event: ApiKeyRevoked) -> None:
    """What a revoked key has opened closes."""
    close_sockets(f"api-key:{event.api_key_id}", UNAUTHENTICATED)


def note_panel_sign_in(sender: Any, user: Any, **kwargs: Any) -> None:
    """Django's signal: somebody has come through the control panel's own door."""
    audit.record("session.signed_in", actor=user, target=f"user:{user.pk}", detail={"door": "control panel"})


def note_panel_sign_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Django's signal, which is also sent for those who were not signed in."""
    if user is not None:
        close_sockets(f"panel:{request.session.session_key}", UNAUTHENTICATED)
        audit.record("session.signed_out", actor=user, target=f"user:{user.pk}", detail={"door": "control panel"})
