"""Log lines: no secret in any form, and no line that a caller has made up."""

import io
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kernel.errors import DomainError
from kernel.logs import JsonFormatter, LineFormatter, cleaned, masked

CANARY = "Zk4nArY-7q_x"
NAMES = [
    "password", "new_password", "EMAIL_HOST_PASSWORD", "token", "refresh_token", "access_token", "ticket", "secret",
    "SECRET_KEY", "client_secret", "authorization", "Cookie", "Set-Cookie", "api_key", "api-key", "credential",
    "X-Amz-Signature", "recovery_codes", "otp", "code", "FIELD_KEYS",
]  # fmt: skip


@dataclass
class Sent:
    password: str
    refresh_token: str


def forms_of(name: str) -> list[str]:
    """The ways in which a value called `name` gets into a message."""
    body = {"a": 1, name: CANARY, "z": [2]}
    return [
        repr(body),
        json.dumps(body),
        json.dumps({"body": json.dumps(body)}),
        json.dumps(body, indent=2),
        str({name: f"with ' and \" in it {CANARY}"}),
        json.dumps({name: f'with " and {CANARY}'}),
        repr({name: [CANARY, CANARY]}),
        repr({name.encode(): CANARY.encode()}),
        repr([(name.encode(), CANARY.encode())]),
        f"/path?a=1&{name}={CANARY}&z=2",
        f"https://box.example.com/#{name}={CANARY}",
        f"{name}={CANARY!r}",
        f"Thing({name}={CANARY!r}, z=2)",
    ]


HEADERS = [
    f"Authorization: Bearer {CANARY}",
    f"authorization: Basic {CANARY}",
    f"Api-Key sbx_0123456789ab_{CANARY}",
    f"the key sbx_0123456789ab_{CANARY} is bad",
    f"Cookie: sessionid={CANARY}; csrftoken={CANARY}",
    f"Sec-WebSocket-Protocol: bearer, {CANARY}",
    f"the token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{CANARY} is bad",
    f"postgresql://box:{CANARY}@db:5432/box cannot be reached",
    f"https://s3/kyc/1?X-Amz-Credential={CANARY}%2F2026&X-Amz-Signature={CANARY}",
    repr(Sent(CANARY, CANARY)),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_whose_name_tells_of_a_secret_is_masked_in_every_form(name: str) -> None:
    for text in forms_of(name):
        assert CANARY not in masked(text), text
        assert "***" in masked(text), text


def test_credentials_are_masked_wherever_they_stand() -> None:
    for text in HEADERS:
        assert CANARY not in masked(text), text


def test_what_is_no_secret_stays_readable() -> None:
    for text in (
        "{'code': 'not_found', 'status': 404, 'detail': 'Not found.'}",
        "formula 7 says buy ACME at 10.5, code 3",
        "http://127.0.0.1:8000/api/v1/formulas?size=5&page=2 took 12 ms",
        "the token is not valid",
        "GET /static/token.js 200",
    ):
        assert masked(text) == text
    assert masked("{'password': 'x', 'status': 404}") == "{'password': ***, 'status': 404}"


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, dict[str, io.StringIO]]]:
    """A logger, and what its two kinds of file hold."""
    logger, files = logging.getLogger("signalbox.test"), {"json": io.StringIO(), "line": io.StringIO()}
    handlers = [logging.StreamHandler(file) for file in files.values()]
    for handler, formatter in zip(handlers, (JsonFormatter(), LineFormatter()), strict=True):
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    yield logger, files
    for handler in handlers:
        logger.removeHandler(handler)


def test_an_exception_tells_no_secret_either(written: Any) -> None:
    logger, files = written
    for text in (*forms_of("password"), *HEADERS):
        try:
            try:
                raise ValueError(text)
            except ValueError as error:
                raise DomainError(text) from error
        except DomainError:
            logger.exception("it failed: %s", text)
    for kind, file in files.items():
        assert CANARY not in file.getvalue(), kind
        assert "ValueError" in file.getvalue()


BREAKS = ["\r\n", "\n", "\x0b", "\x0c", "\x1b[31m", "\x85", "\u2028", "\u2029", "\x00", "\x9b31m"]


def test_one_event_is_one_line_whatever_a_caller_has_sent(written: Any) -> None:
    logger, files = written
    forged = '12:00:00 error    kernel: forged {"level": "ERROR", "message": "forged"}'
    for text in BREAKS:
        logger.warning("user %s asked for %s", f"mia{text}{forged}", f"/x{text}{forged}")
    lines = files["json"].getvalue().splitlines()
    assert len(lines) == len(BREAKS)
    assert {json.loads(line)["level"] for line in lines} == {"WARNING"}
    assert len(files["line"].getvalue().splitlines()) == len(BREAKS)
    for file in files.values():
        assert "\x1b" not in file.getvalue()


def test_a_long_message_is_masked_in_no_time() -> None:
    for text in (
        "'password" * 5_000,
        "token=" * 5_000,
        '{"password": "' + "\\" * 50_000,
        "a" * 100_000,
        "'a'," * 20_000,
    ):
        started = time.perf_counter()
        cleaned(text)
        assert time.perf_counter() - started < 2, text[:20]
