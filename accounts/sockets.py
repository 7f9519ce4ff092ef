"""Who a socket's credential belongs to."""

from collections.abc import Sequence

from accounts import selectors, services
from accounts.errors import InvalidToken
from accounts.models import ApiKey, Session, User
from accounts.scopes import READ
from accounts.tokens import AccessToken
from kernel.realtime import Identity

# What a socket's subscriptions were decided by.
_PLACE = ("password", "role", "is_superuser", "company_id")


def authenticate_sockets(credentials: Sequence[tuple[str, str]]) -> list[Identity | None]:
    """The identity behind each (kind, credential); all access tokens cost one query. Blocking."""
    tokens = selectors.authenticate_tokens({text for kind, text in credentials if kind == "bearer"})
    return [
        _admitted(_of_token(tokens.get(text))) if kind == "bearer" else authenticate_socket(kind, text)
        for kind, text in credentials
    ]


def authenticate_socket(kind: str, credential: str) -> Identity | None:
    """The identity behind an access token (`bearer`), a ticket (`ticket`), an API key (`api-key`) or the control
    panel's session (`panel`).

    None for any other kind, for a bad credential, and for staff who must enrol a second factor first. Blocking: it
    reads the database.
    """
    try:
        return _admitted(_identify(kind, credential))
    except InvalidToken:
        return None


def _admitted(identity: Identity | None) -> Identity | None:
    return None if identity is None or selectors.must_enrol(identity.user) else identity


def _identify(kind: str, credential: str) -> Identity | None:
    match kind:
        case "bearer":
            return _of_token(selectors.authenticate_token(credential))
        case "ticket":
            return _of_session(*services.redeem_ticket(ticket=credential))
        case "api-key":
            return _of_key(selectors.authenticate_key(credential))
        case "panel":
            return _of_panel(credential)
    return None


def still_good(identities: Sequence[Identity]) -> list[bool]:
    """For each whether its sign-in or key still counts, and its owner is who they were. Blocking: two queries, and two
    for each that came from the control panel."""
    credentials = [identity.topics[1].partition(":") for identity in identities]
    sessions = Session.objects.live().filter(pk__in=[pk for kind, _, pk in credentials if kind == "session"])
    keys = ApiKey.objects.live().filter(pk__in=[pk for kind, _, pk in credentials if kind == "api-key"])
    owners = {f"session:{session.pk}": session.user for session in sessions.select_related("user")}
    owners |= {f"api-key:{key.pk}": key.user for key in keys.select_related("user")}
    panels = [_identify_panel(pk) for kind, _, pk in credentials if kind == "panel"]
    owners |= {found.topics[1]: found.user for found in panels if found}
    return [_is_unchanged(identity.user, owners.get(identity.topics[1])) for identity in identities]


def _is_unchanged(before: User, now: User | None) -> bool:
    return now is not None and now.is_active and all(getattr(before, name) == getattr(now, name) for name in _PLACE)


def _of_token(token: AccessToken | None) -> Identity | None:
    return _of_session(token.session, token.expires_at) if token else None


def _of_session(session: Session, expires_at: float) -> Identity:
    topics = (f"user:{session.user_id}", f"session:{session.pk}")
    return Identity(user=session.user, topics=topics, expires_at=expires_at)


def _of_panel(session_key: str) -> Identity:
    user, until = selectors.panel_session(session_key)
    return Identity(user=user, topics=(f"user:{user.pk}", f"panel:{session_key}"), expires_at=until.timestamp())


def _identify_panel(session_key: str) -> Identity | None:
    try:
        return _of_panel(session_key)
    except InvalidToken:
        return None


def _of_key(key: ApiKey) -> Identity | None:
    """A socket pushes what its owner may read, so a key that may not read opens none."""
    if READ not in key.scopes:
        return None
    services.note_use(key=key)
    return Identity(
        user=key.user,
        topics=(f"user:{key.user_id}", f"api-key:{key.pk}"),
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
        scopes=frozenset(key.scopes),
    )
