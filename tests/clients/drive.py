"""Runs the Python client as a test's environment says, and prints what it tells, a JSON line each."""

import asyncio
import importlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, os.environ["CLIENT"])
client: Any = importlib.import_module("signalbox_client")
client.PING_EVERY = float(os.environ["PING_EVERY"])
client.PONG_WITHIN = float(os.environ["SILENCE"]) - client.PING_EVERY
positions = Path(os.environ["POSITIONS"])


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201


class Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        seconds = record.args[0] if isinstance(record.args, tuple) and record.args else None
        say(state=record.getMessage().split()[0], seconds=seconds)


async def token(renew: bool) -> str:
    return os.environ["FRESH_TOKEN" if renew else "TOKEN"]


async def handle(notification: dict[str, Any]) -> None:
    say(notification=notification)


async def on_reset(streams: list[str]) -> None:
    say(reset=streams)


async def main() -> None:
    known = json.loads(positions.read_text()) if positions.exists() else {}
    save = lambda new: positions.write_text(json.dumps(new))  # noqa: E731
    listener = client.Listener(os.environ["URL"], token, handle, on_reset, save=save, positions=known)
    try:
        await listener.run()
    except client.Refused as refused:
        say(state="stopped", code=refused.args[0])


logging.getLogger("signalbox").addHandler(Saying())
logging.getLogger("signalbox").setLevel(logging.INFO)
asyncio.run(main())
