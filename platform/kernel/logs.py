"""One line for each event, with the request it belongs to; nothing a caller sends can forge a line."""

import json
import logging
import re
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_SECRET = re.compile(r"(?i)((?:token|ticket|code|password|api[-_]key)=|bearer[ ,]+|api-key +)[^\s&\"',]+")


def current_request_id() -> str:
    """The id of the request being served, empty outside of one."""
    return _request_id.get()


def set_request_id(value: str) -> None:
    _request_id.set(value)


def cleaned(text: str) -> str:
    """`text` on one line, with credentials masked."""
    masked = _SECRET.sub(r"\1***", text)
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), masked)


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
            line += "\n" + self.formatException(record.exc_info)
        return line
