"""A webhook: signed JSON to an address of one's own, in the manner of Standard Webhooks."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

import msgspec

from kernel import clock
from notifications.channels.base import (
    DeliveryFailed,
    Field,
    Letter,
    Transport,
    Values,
    check_address,
    post_letter,
    wait_of,
)

PREFIX = "whsec_"
SECRET_BYTES = 32
GONE = 410


class Webhook(Transport):
    """Anything but 2xx is tried again: a receiver in the middle of an upgrade answers anything. 410 ends it."""

    key = "webhook"
    label = "Webhook"
    fields = (Field("url", "Address", "https://…, where signed JSON is posted"),)
    confirms_delivery = True

    def check(self, values: Values) -> None:
        check_address("url", values["url"])

    def address(self, values: Values) -> str:
        return values["url"].partition("?")[0]

    def new_secrets(self) -> Values:
        return {"secret": new_secret()}

    def send(self, values: Values, letter: Letter) -> None:
        body = msgspec.json.encode(
            {"id": letter.id, "type": letter.kind, "timestamp": letter.sent_at, "data": letter.data}
        )
        headers = {"Content-Type": "application/json", **signed(values, letter.id, body)}
        answer = post_letter(values["url"], content=body, headers=headers)
        if not 200 <= answer.status < 300:
            raise DeliveryFailed(
                f"It answered {answer.status}.",
                is_gone=answer.status == GONE,
                retry_after=wait_of(answer.headers.get("retry-after")),
            )


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(values: Values, id: str, body: bytes) -> dict[str, str]:
    """The headers that prove a body: its id, the time in epoch seconds, and a signature by each secret that counts."""
    now = clock.now()
    timestamp = str(int(now.timestamp()))
    used = [values["secret"]]
    if values.get("old_secret") and datetime.fromisoformat(values["old_secret_until"]) > now:
        used.append(values["old_secret"])
    signatures = " ".join(signature(secret, id, timestamp, body) for secret in used)
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()
