"""Calls to a vendor's REST interface: paced as it asks, bounded, and asked again where that may help."""

import email.utils
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from datafeed.providers.base import ProviderFailed, SignInExpired
from kernel import clock

CONNECT_WITHIN, ANSWER_WITHIN = 5.0, 30.0  # seconds, the second for everything together
LARGEST_ANSWER = 32 * 1024 * 1024
TRIES = 4
FIRST_PAUSE = 0.5
LONGEST_WAIT = 60.0  # a vendor that asks for more is left alone until the feed comes back to it


class Calls:
    """GET requests to one host. Blocking, so never on the server's loop.

    No redirect is followed and no proxy of the environment is used: credentials go to the vendor's own host or
    nowhere.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], calls_per_second: float | None) -> None:
        self._base_url = base_url
        self._client = httpx.Client(
            headers={"User-Agent": "Signalbox", "Accept-Encoding": "gzip", **headers},
            timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN),
            follow_redirects=False,
            trust_env=False,
        )
        self._pause = 1 / calls_per_second if calls_per_second else 0.0
        self._next_at = 0.0
        self._lock = threading.Lock()

    def get_json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON, whatever its shape; raises `ProviderFailed`."""
        try:
            return msgspec.json.decode(self.get(path, params))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProviderFailed("It answered something that is not JSON.") from None

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """The body of a good answer. Raises `ProviderFailed`, after a few tries where more could have helped."""
        for attempt in range(TRIES):
            self._wait_for_turn()
            try:
                return self._get_once(path, dict(params or {}))
            except ProviderFailed as failure:
                wait = failure.retry_after or FIRST_PAUSE * 2**attempt
                if failure.is_permanent or attempt == TRIES - 1 or wait > LONGEST_WAIT:
                    raise
                time.sleep(wait * random.uniform(1.0, 1.25))
        raise AssertionError("the last try returns or raises")

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = clock.monotonic()
            turn = max(now, self._next_at)
            self._next_at = turn + self._pause
        if turn > now:
            time.sleep(turn - now)

    def _get_once(self, path: str, params: dict[str, Any]) -> bytes:
        until = clock.monotonic() + ANSWER_WITHIN
        try:
            with self._client.stream("GET", self._base_url + path, params=params) as response:
                body = _read(response, until)
        except httpx.TimeoutException:
            raise ProviderFailed("It did not answer in time.") from None
        except httpx.HTTPError as error:
            raise ProviderFailed(f"The connection failed ({type(error).__name__}).") from None
        if response.status_code != 200:
            raise refusal(response.status_code, response.headers, body)
        return body


def _read(response: httpx.Response, until: float) -> bytes:
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise ProviderFailed("Its answer is too long.", is_permanent=True)
        if clock.monotonic() > until:
            raise ProviderFailed("It did not answer in time.")
    return bytes(body)


def refusal(status: int, headers: Mapping[str, str], body: bytes = b"") -> ProviderFailed:
    """What a status other than 200 means: whose turn it is to do something about it, and when to ask again."""
    said = _message_of(body)
    if status in {401, 403}:
        return SignInExpired(f"It refuses our key or token ({status}){said}.")
    if status == 429:
        return ProviderFailed(f"We ask too often{said}.", retry_after=wait_of(headers.get("retry-after")))
    is_temporary = status in {408, 425} or status >= 500
    wait = wait_of(headers.get("retry-after")) if is_temporary else None
    return ProviderFailed(f"It answered {status}{said}.", is_permanent=not is_temporary, retry_after=wait)


def wait_of(value: str | None) -> float | None:
    """The seconds that `Retry-After` asks for, given as a number or as a date; none where it says nothing."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    moment = email.utils.parsedate_to_datetime(value) if "," in value else None
    return max(0.0, (moment - clock.now()).total_seconds()) if moment and moment.tzinfo else None


def _message_of(body: bytes) -> str:
    """What the vendor says about it in words, shortened; an HTML page says nothing."""
    try:
        said = msgspec.json.decode(body[:4096])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    message = said.get("message") if isinstance(said, dict) else None
    return f": {message[:160].rstrip('.')}" if isinstance(message, str) else ""
