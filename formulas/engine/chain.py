"""A log in which every entry names the one before it, so that none can be changed, added or taken away unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def first_hash(header: Mapping[str, Any]) -> str:
    """What the first entry of a log is linked to: the SHA-256 of the log's header, in hexadecimal."""
    return _digest("", header)


def linked(previous: str, entry: Mapping[str, Any]) -> str:
    """The hash of an entry after the one whose hash is `previous`; a field `hash` of the entry does not count."""
    return _digest(previous, {name: value for name, value in entry.items() if name != "hash"})


def first_broken(header: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> int | None:
    """The place of the first entry whose `hash` does not follow from those before it; None when all do."""
    previous = first_hash(header)
    for place, entry in enumerate(entries):
        previous = linked(previous, entry)
        if entry.get("hash") != previous:
            return place
    return None


def _digest(previous: str, entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
