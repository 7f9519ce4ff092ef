"""Browser push: encrypted for the browser that subscribed, and signed with our own key for its push service."""

import base64
import binascii
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import http_ece
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from kernel import clock
from notifications.channels.base import (
    Field,
    Letter,
    Transport,
    Values,
    check_address,
    post_letter,
    refusal,
    refuse,
    shortened,
)

KEY_BYTES, AUTH_BYTES = 65, 16
LONGEST_TEXT = 900  # a push carries 4 KB in all
KEEP_FOR = 24 * 3_600  # seconds that a push service holds a message for a browser that is away
TOKEN_LIFETIME = timedelta(hours=12)
GONE = (404, 410)
URGENCIES = {"critical": "high", "high": "high", "error": "high", "medium": "normal", "low": "low", "info": "low"}


class WebPush(Transport):
    """Taken as `PushManager.subscribe` gives it: `{endpoint, keys: {p256dh, auth}}`."""

    key = "webpush"
    label = "Browser push"
    fields = (
        Field("endpoint", "Endpoint", "of the browser's subscription", is_secret=True),
        Field("p256dh", "Key", "`keys.p256dh` of the subscription", is_secret=True),
        Field("auth", "Auth", "`keys.auth` of the subscription", is_secret=True),
    )
    reaches_one_person = True
    is_proven_by_sending = True

    def clean(self, given: Mapping[str, Any]) -> Values:
        keys = given.get("keys")
        flat = {name: value for name, value in given.items() if name not in {"keys", "expirationTime"}}
        return super().clean({**flat, **keys} if isinstance(keys, dict) else flat)

    def check(self, values: Values) -> None:
        check_address("endpoint", values["endpoint"])
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(values["p256dh"]))
        except ValueError:
            raise refuse("p256dh", "This is not a key of a browser's subscription.") from None
        try:
            is_whole = len(decoded(values["auth"])) == AUTH_BYTES
        except ValueError:
            is_whole = False
        if not is_whole:
            raise refuse("auth", "This is not the secret of a browser's subscription.")

    def address(self, values: Values) -> str:
        return urlsplit(values["endpoint"]).hostname or ""

    def identity(self, values: Values) -> str:
        return values["endpoint"]

    def options(self) -> dict[str, str]:
        """The key that a page subscribes with: `PushManager.subscribe({applicationServerKey})`."""
        return {"application_server_key": public_key()}

    def send(self, values: Values, letter: Letter) -> None:
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_FOR),
            "Urgency": URGENCIES.get(letter.priority, "normal"),
            "Authorization": f"vapid t={_token(values['endpoint'])}, k={public_key()}",
        }
        answer = post_letter(values["endpoint"], content=_encrypted(values, letter), headers=headers)
        if not 200 <= answer.status < 300:
            raise refusal(answer, gone=GONE)


def decoded(text: str) -> bytes:
    """The bytes of base64url, with or without padding; raises `ValueError`."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@lru_cache(maxsize=2)
def _key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text)), ec.SECP256R1())


def public_key() -> str:
    """The public half of our key, as browsers and push services want it."""
    public = _key(settings.VAPID_PRIVATE_KEY).public_key()
    return _encoded(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _token(endpoint: str) -> str:
    """The proof for the push service at `endpoint` that it is us (RFC 8292)."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((clock.now() + TOKEN_LIFETIME).timestamp()),
        "sub": _contact(),
    }
    return jwt.encode(claims, _key(settings.VAPID_PRIVATE_KEY), algorithm="ES256")


def _contact() -> str:
    """Where a push service can complain: the site, or its mail address where the site is not on the internet."""
    site: str = settings.PUBLIC_BASE_URL
    if site.startswith("https://"):
        return site
    return "mailto:" + settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip("> ")


def _encrypted(values: Values, letter: Letter) -> bytes:
    message = {
        "id": letter.id,
        "kind": letter.kind,
        "notification_id": letter.data.get("id", ""),
        "title": shortened(letter.line, 200),
        "body": shortened(letter.text, LONGEST_TEXT),
        "priority": letter.priority,
        "url": letter.answer_url or letter.url,
    }
    sealed: bytes = http_ece.encrypt(
        msgspec.json.encode(message),
        salt=os.urandom(16),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decoded(values["p256dh"]),
        auth_secret=decoded(values["auth"]),
        version="aes128gcm",
    )
    return sealed
