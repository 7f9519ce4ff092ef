"""One mechanism, three ways to say it: the canonical envelope and those of older clients."""

from typing import Any

import msgspec

from kernel.realtime.messages import encoder, now_text


def _text(body: dict[str, Any]) -> str:
    return encoder.encode(body).decode()


class Canonical:
    """`{"type", "payload"}` both ways, exactly as messages are declared."""

    pong_to_anything = False

    def push(self, text: str) -> str | None:
        return text

    def answer(self, kind: str, request_id: str | int | None, payload: dict[str, Any]) -> str | None:
        body: dict[str, Any] = {"type": kind, "payload": payload, "ts": now_text()}
        if request_id is not None:
            body["id"] = request_id
        return _text(body)

    def pong(self, request_id: str | int | None, plain: bool) -> str:
        body: dict[str, Any] = {"type": "pong", "ts": now_text()}
        if request_id is not None:
            body["id"] = request_id
        return _text(body)


class Flat(Canonical):
    """A notification is a flat object with `title` at the top; every other message has a `title` as well.

    The clients printed for this path read `title` of whatever arrives and would stop at a message without one.
    """

    def push(self, text: str) -> str | None:
        message = msgspec.json.decode(text)
        if message["type"] == "notification":
            return _text(_flattened(message))
        return None if message["type"] == "notifications.live" else _text({**message, "title": message["type"]})

    def answer(self, kind: str, request_id: str | int | None, payload: dict[str, Any]) -> str | None:
        body: dict[str, Any] = {"type": kind, "title": kind, "payload": payload, "timestamp": now_text()}
        if request_id is not None:
            body["id"] = request_id
        return _text(body)

    def pong(self, request_id: str | int | None, plain: bool) -> str:
        return "pong" if plain else _text({"type": "pong", "title": "pong", "timestamp": now_text()})


class Typed(Canonical):
    """`{"type", "data", "timestamp"}`, where `type` is the notification's own; any message is a heartbeat."""

    pong_to_anything = True

    def push(self, text: str) -> str | None:
        message = msgspec.json.decode(text)
        if message["type"] != "notification":
            return None
        data = message["payload"]
        return _text({"type": data["type"], "data": data, "timestamp": message["ts"]})

    def answer(self, kind: str, request_id: str | int | None, payload: dict[str, Any]) -> str | None:
        return _text({"type": kind, "data": payload, "timestamp": now_text()})

    def pong(self, request_id: str | int | None, plain: bool) -> str:
        return _text({"type": "pong", "timestamp": now_text()})


def _flattened(message: dict[str, Any]) -> dict[str, Any]:
    outside: dict[str, Any] = {
        name: message[name] for name in ("stream", "epoch", "seq", "ts", "event_id") if name in message
    }
    if message.get("posted") is not None:
        # What these clients read of a broadcast is the payload as its sender posted it.
        outside["payload"] = message["posted"]
    return {**message["payload"], **outside}
