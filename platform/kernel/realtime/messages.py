"""What may travel on a socket: declared, closed, tagged types that also make the AsyncAPI document."""

import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from kernel import clock


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The inside of a message; an unknown field is refused."""


class Request(Payload, frozen=True, kw_only=True):
    """The payload of something a client asks for."""


class Answer(Payload, frozen=True, kw_only=True):
    """The payload of the answer to what a client asked for, `<what it asked>.response`."""

    status: Literal["ok"]
    message: str


class Push(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """A message to clients: `{type, payload, ts, event_id}`; what must not be lost has `stream` and `seq`."""

    event_id: str = ""
    ts: str = ""
    stream: str | None = None
    epoch: str | None = None
    seq: int | None = None


# Bounded, because it is sent back.
MessageId = (
    Annotated[str, msgspec.Meta(max_length=128)] | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None
)


class Envelope(msgspec.Struct, frozen=True):
    """What a client sends: `{type, payload?, id?}`; the `id` comes back with the answer."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    id: MessageId = None


def new_event_id() -> str:
    return uuid.uuid4().hex


def now_text() -> str:
    """The current instant as messages print it."""
    return clock.isoformat(clock.now())


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_number)


def encode(message: Push) -> str:
    """The canonical text of `message`, stamped where the sender left `ts` and `event_id` open."""
    if not message.ts or not message.event_id:
        message = msgspec.structs.replace(
            message, ts=message.ts or now_text(), event_id=message.event_id or new_event_id()
        )
    return encoder.encode(message).decode()
