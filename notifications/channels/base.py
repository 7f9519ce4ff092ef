"""What a transport must say and do."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kernel.errors import Invalid
from kernel.outgoing import AddressRefused, Answer, OutgoingFailed, check_url, post

HIDDEN = "********"
LONGEST_WAIT = 3_600.0  # seconds, whatever a receiver asks for
LONGEST_VALUE = 2_048

Values = dict[str, str]
"""The fields of one channel by name, secret ones among them."""


class DeliveryFailed(Exception):
    """A letter was not taken. `reason` is for its sender to read and holds no secret.

    Worth another try, after `retry_after` seconds where the receiver said so, unless it `is_permanent`; where the
    address itself `is_gone`, nothing else can be sent there either.
    """

    def __init__(
        self, reason: str, *, is_permanent: bool = False, is_gone: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_permanent = is_permanent or is_gone
        self.is_gone = is_gone
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a channel is told when it is made. A secret one is never shown again."""

    name: str
    label: str
    help: str = ""
    is_secret: bool = False
    is_required: bool = True
    default: str = ""
    pattern: str = r"(?s).+"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said, in every form a transport may need.

    `id` is the same on every try, so that a receiver can tell a repeat. `kind` is `notification`, `digest`,
    `verification` or `test`; `data` is plain JSON for machines; `answer_url` is where a click answers.
    """

    id: str
    kind: str
    title: str
    text: str
    sent_at: str
    priority: str = "info"
    data: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    answer_url: str = ""

    @property
    def line(self) -> str:
        """The title on one line."""
        return " ".join(self.title.split())


class Transport(ABC):
    """A way to reach somebody. Required: `key`, `label`, `fields`, `send`; the rest where it differs."""

    key: str
    label: str
    fields: tuple[Field, ...]
    is_proven_by_sending = False
    """Whether taking a letter proves that the address is its owner's; else a code goes there and must come back."""
    reaches_one_person = False
    """Whether nobody else reads along, so that a message may hold a link that answers in the person's name."""
    confirms_delivery = False
    """Whether what takes a letter is the receiver itself, not a service on the way."""

    @abstractmethod
    def send(self, values: Values, letter: Letter) -> None:
        """Hand `letter` over. Blocking, for some ten seconds at most; raises `DeliveryFailed`."""

    @abstractmethod
    def address(self, values: Values) -> str:
        """What tells this channel from others to its owner, without any secret."""

    def identity(self, values: Values) -> str:
        """What two channels to the same place have in common."""
        return "\n".join(values.get(one.name, "") for one in self.fields if one.is_required)

    def check(self, values: Values) -> None:  # noqa: B027  most have nothing more to look at
        """Look at values that are each well-formed; raises `Invalid`, best by `refuse`."""

    def options(self) -> dict[str, str]:
        """What a client has to know before it can make such a channel."""
        return {}

    def new_secrets(self) -> Values:
        """Secrets that we make up for a new channel and show its owner once."""
        return {}

    def clean(self, given: Mapping[str, Any]) -> Values:
        """The values of a channel as `given` by its owner; raises `Invalid` naming each that is wrong."""
        values: Values = {}
        errors: dict[str, list[str]] = {}
        for one in self.fields:
            value = given.get(one.name, "")
            text = value.strip() if isinstance(value, str) else None
            if text is None or len(text) > LONGEST_VALUE or (text and not re.fullmatch(one.pattern, text)):
                errors[one.name] = [f"This is not a valid {one.label.lower()}."]
            elif not text and one.is_required and not one.default:
                errors[one.name] = ["This field is required."]
            else:
                values[one.name] = text or one.default
        if unknown := set(given) - {one.name for one in self.fields}:
            errors |= {str(name)[:100]: ["There is no such field."] for name in sorted(map(str, unknown))[:20]}
        if errors:
            raise Invalid(errors={"config": errors})
        self.check(values)
        return values


def refuse(name: str, message: str) -> Invalid:
    """The error that says what is wrong with one value of a channel."""
    return Invalid(errors={"config": {name: [message]}})


def check_address(name: str, url: str) -> None:
    """Refuse a value that is no address we send to; raises `Invalid` naming it."""
    try:
        check_url(url)
    except AddressRefused as error:
        raise refuse(name, error.message) from None


def post_letter(url: str, *, content: bytes, headers: Mapping[str, str]) -> Answer:
    """Send to an address that a person has named, and read the answer whatever its status; raises `DeliveryFailed`."""
    try:
        return post(url, content=content, headers=headers)
    except AddressRefused as error:
        raise DeliveryFailed(error.message, is_permanent=True) from None
    except OutgoingFailed as error:
        raise DeliveryFailed(str(error)) from None


def post_json(url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """Post JSON to a service and have it taken; raises `DeliveryFailed`, permanent where a repeat would not help."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    answer = post_letter(url, content=msgspec.json.encode(body), headers=sent)
    if not 200 <= answer.status < 300:
        raise refusal(answer)
    return answer


def refusal(answer: Answer, *, gone: tuple[int, ...] = (410,)) -> DeliveryFailed:
    """What a status other than 2xx means: a service that is busy or broken is asked again, one that refuses is not."""
    is_temporary = answer.status in {408, 425, 429} or answer.status >= 500
    return DeliveryFailed(
        f"It answered {answer.status}.",
        is_permanent=not is_temporary,
        is_gone=answer.status in gone,
        retry_after=wait_of(answer.headers.get("retry-after")),
    )


def wait_of(value: Any) -> float | None:
    """Seconds that a receiver asks to wait; none where it does not say so in seconds."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None


def json_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer, empty where it is none."""
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def shortened(text: str, most: int) -> str:
    """`text` with at most `most` characters, an ellipsis in place of what is left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def lines_of(letter: Letter) -> str:
    """The title, the text and the link as a plain message."""
    return "\n\n".join(part for part in (letter.line, letter.text, letter.answer_url or letter.url) if part)


class IncomingWebhook(Transport):
    """A service that takes messages at a secret address of its own host: `service` is how each begins."""

    service: str

    def check(self, values: Values) -> None:
        if not values["webhook_url"].startswith(self.service):
            raise refuse("webhook_url", f"The address begins with {self.service}.")

    def address(self, values: Values) -> str:
        return f"…{values['webhook_url'][-4:]}"
