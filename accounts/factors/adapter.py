"""What allauth's second factors ask of us: how their secrets are kept, and whom a passkey is bound to."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from kernel.crypto import is_sealed_by_newest, open_sealed, seal
from kernel.rotation import sealed_rows

# Of an app and of recovery codes, in the JSON that allauth keeps.
_SECRETS = ("secret", "seed")
_owner: ContextVar[int | None] = ContextVar("owner_of_factors", default=None)


@contextmanager
def secrets_of(user_id: int) -> Iterator[None]:
    """Whose secrets are sealed and opened meanwhile: a secret moved to another's row cannot be read."""
    token = _owner.set(user_id)
    try:
        yield
    finally:
        _owner.reset(token)


class Adapter(DefaultMFAAdapter):
    """Secrets are sealed and bound to their owner; nothing depends on the request's Host."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), context=self._context())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises `kernel.crypto.NotReadable` for a value that was not sealed here for the same person."""
        return open_sealed(base64.b64decode(encrypted_text), context=self._context()).decode()

    def _context(self) -> str:
        owner = _owner.get()
        if owner is None:
            raise LookupError("secrets of second factors are handled within `secrets_of`")
        return f"mfa.authenticator:{owner}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": settings.PASSKEY_HOST, "name": settings.MFA_TOTP_ISSUER}


def _reseal(row: Authenticator) -> bool:
    """Seal what is secret in `row` with the newest key; whether that changed anything."""
    adapter, old = Adapter(), {name: row.data[name] for name in _SECRETS if name in row.data}
    stale = {name: value for name, value in old.items() if not is_sealed_by_newest(base64.b64decode(value))}
    with secrets_of(row.user_id):
        row.data.update({name: adapter.encrypt(adapter.decrypt(value)) for name, value in stale.items()})
    return bool(stale)


sealed_rows(Authenticator, "data", _reseal)
