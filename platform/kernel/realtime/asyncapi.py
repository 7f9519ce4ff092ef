"""The AsyncAPI 3.0 document, made from the very types that validate what travels on the sockets."""

from typing import Any

import msgspec

from kernel.realtime.messages import Push
from kernel.realtime.operations import Operation, operations

REF = "#/components/schemas/{name}"


def _pushes(base: type[Push] = Push) -> list[type[Push]]:
    found = [kind for child in base.__subclasses__() for kind in (child, *_pushes(child))]
    return sorted(found, key=_tag)


def _tag(kind: type[Push]) -> str:
    return str(kind.__struct_config__.tag)


def _name(tag: str) -> str:
    return "".join(part.capitalize() for part in tag.replace("-", ".").split("."))


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0] if kind.__doc__ else kind.__name__


def document(*, version: str) -> dict[str, Any]:
    """The document of the canonical socket: what clients send (`receive`) and what they get (`send`)."""
    asked, told = operations(), _pushes()
    types = [operation.request for operation in asked] + list(told)
    _, schemas = msgspec.json.schema_components(types, ref_template=REF)
    messages = {_name(o.name): _request_message(o) for o in asked} | {_name(_tag(p)): _push_message(p) for p in told}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Signalbox sockets",
            "version": version,
            "description": "Requests carry `type`, `payload` and an `id` that comes back with the answer.",
        },
        "defaultContentType": "application/json",
        "servers": {"this": {"host": "localhost:8000", "protocol": "ws", "description": "The server itself."}},
        "channels": {
            "socket": {
                "address": "/api/v1/ws",
                "title": "The canonical socket",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": _operations(asked, told),
        "components": {"messages": messages, "schemas": schemas},
    }


def _operations(asked: list[Operation], told: list[type[Push]]) -> dict[str, Any]:
    def entry(action: str, name: str, summary: str) -> dict[str, Any]:
        return {
            "action": action,
            "channel": {"$ref": "#/channels/socket"},
            "summary": summary,
            "messages": [{"$ref": f"#/channels/socket/messages/{name}"}],
        }

    received = {f"receive{_name(o.name)}": entry("receive", _name(o.name), o.summary) for o in asked}
    sent = {f"send{_name(_tag(p))}": entry("send", _name(_tag(p)), _summary(p)) for p in told}
    return received | sent


def _request_message(operation: Operation) -> dict[str, Any]:
    payload = {"$ref": REF.format(name=operation.request.__name__)}
    return {
        "name": operation.name,
        "summary": operation.summary,
        "payload": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"const": operation.name},
                "id": {"type": ["string", "integer", "null"]},
                "payload": payload,
            },
        },
    }


def _push_message(kind: type[Push]) -> dict[str, Any]:
    return {
        "name": _tag(kind),
        "summary": _summary(kind),
        "payload": {"$ref": REF.format(name=kind.__name__)},
    }
