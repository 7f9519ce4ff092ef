"""One line for each event, with the request it belongs to; nothing a caller sends can forge a line."""

import json
import logging
import re
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")

MASK = "***"
_NAME = (
    r"[\w.-]*(?:passw(?:or)?d|secret|token|ticket|cookie|authorization|credential|signature|api[-_]?key|field_keys"
    r"|recovery|otp|seed)[\w-]*"
)
_QUOTED = r"""b?"(?:[^"\\]|\\.)*"?|b?'(?:[^'\\]|\\.)*'?|\\"(?:[^"\\]|\\[^"])*"""
# What tells of a secret, and then the secret. One of our own error codes is a word, which a code to sign in is not.
_SECRETS = tuple(
    re.compile(f"(?is){before}(?:{secret})")
    for before, secret in (
        # A list of them, `"name": ["…"]`, and one of them, in a dict, a JSON text or a list of headers.
        (rf"""(['"]{_NAME}\\?['"]\s*[:,]\s*)""", r"\[[^\]]*\]?|" + _QUOTED + r"""|[^\s,})'"]+"""),
        (
            r"""(['"](?:code|pin)\\?['"]\s*[:,]\s*)""",
            r"""(?!\\?['"][a-z_]+\\?['"])(?:\[[^\]]*\]?|""" + _QUOTED + r"""|[^\s,})'"]+)""",
        ),
        # `name=…` in an address or a repr, and the header's own line.
        (rf"(\b(?:{_NAME}|code|pin)=)", _QUOTED + r"""|[^\s&"',;)]+"""),
        (r"(\b(?:set-)?cookie: )", r"[^\r\n]+"),
        (r"(\bauthorization: )", r"[^\r\n]+"),
        (r"(\b(?:bearer|api-key|basic)[ ,]+)", r"""[^\s&"',]+"""),
        (r"(://[^\s/:@]*:)", r"[^\s/@]+(?=@)"),
        # Tokens and keys of ours, wherever they stand.
        (r"(\beyJ)", r"[\w-]+\.[\w-]+\.[\w-]*"),
        (r"(\bsbx_)", r"[A-Za-z0-9]+_[\w-]+"),
    )
)


def current_request_id() -> str:
    """The id of the request being served, empty outside of one."""
    return _request_id.get()


def set_request_id(value: str) -> None:
    _request_id.set(value)


def masked(text: str) -> str:
    """`text` with what it holds of credentials and other secrets masked, in whatever form they stand."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{MASK}", text)
    return text


def cleaned(text: str) -> str:
    """`text` on one line, with credentials masked."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), masked(text))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and the exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": cleaned(record.getMessage()),
        }
        if request_id := current_request_id():
            entry["request_id"] = request_id
        if record.exc_info:
            entry["exception"] = cleaned(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=True)


class LineFormatter(logging.Formatter):
    """A short line for a terminal; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        moment = self.formatTime(record, "%H:%M:%S")
        line = f"{moment} {record.levelname.lower():<8} {record.name}: {cleaned(record.getMessage())}"
        if record.exc_info:
            line += "\n" + masked(self.formatException(record.exc_info))
        return line
