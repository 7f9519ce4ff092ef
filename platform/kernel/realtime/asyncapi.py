"""The AsyncAPI 3.0 document, made from the very types that validate what travels on the sockets."""

from typing import Any

import msgspec

from kernel.realtime.messages import Push
from kernel.realtime.operations import Operation, operations

REF = "#/components/schemas/{name}"
_ID = {"type": ["string", "integer", "null"]}
_DESCRIPTION = (
    "Requests carry `type`, `payload` and an `id` that comes back with the answer, `<type>.response`, or with the "
    "`error`. Who one is: an access token as the second subprotocol after `bearer`, a ticket in the address, or the "
    "message `auth`."
)
_PING = "Ask for a sign of life; the word `ping` alone is understood as well."


def document(*, version: str) -> dict[str, Any]:
    """The document of the canonical socket: what clients send (`receive`) and what they get (`send`)."""
    asked, told = operations(), pushes()
    types = [kind for operation in asked for kind in (operation.request, operation.answer)] + list(told)
    _, schemas = msgspec.json.schema_components(types, ref_template=REF)
    schemas = _as_sent(schemas)
    messages = {
        **{_name(one.name): _request_message(one) for one in asked},
        **{_answer_name(one.name): _answer_message(one) for one in asked},
        **{_name(tag_of(one)): _push_message(one) for one in told},
        "Ping": _message("ping", _PING, required=["type"], id=_ID),
        "Pong": _message("pong", "The sign of life.", required=["type", "ts"], id=_ID, ts={"type": "string"}),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Signalbox sockets", "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"this": {"host": "localhost:8000", "protocol": "ws", "description": "The server itself."}},
        "channels": {
            "socket": {
                "address": "/api/v1/ws",
                "title": "The canonical socket",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            **{f"receive{_name(one.name)}": _receive(one) for one in asked},
            **{f"send{_name(tag_of(one))}": _entry("send", _name(tag_of(one)), summary_of(one)) for one in told},
            "receivePing": {**_entry("receive", "Ping", _PING), "reply": _reply("Pong")},
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def pushes(base: type[Push] = Push) -> list[type[Push]]:
    """Every message to clients that is declared, by its type."""
    found = [kind for child in base.__subclasses__() for kind in (child, *pushes(child))]
    return sorted(found, key=tag_of)


def tag_of(kind: type[Push]) -> str:
    """The `type` that a message carries."""
    return str(kind.__struct_config__.tag)


def summary_of(kind: type) -> str:
    """What a type says of itself first."""
    return " ".join((kind.__doc__ or kind.__name__).split("\n\n")[0].split())


def _as_sent(schema: Any) -> Any:
    """`schema` with decimals as the numbers they are sent as."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {**schema, "type": "number"}
        return {name: _as_sent(part) for name, part in schema.items()}
    return [_as_sent(part) for part in schema] if isinstance(schema, list) else schema


def _name(tag: str) -> str:
    return "".join(part.capitalize() for part in tag.replace("-", ".").split("."))


def _answer_name(request: str) -> str:
    return f"{_name(request)}Response"


def _receive(operation: Operation) -> dict[str, Any]:
    return {
        **_entry("receive", _name(operation.name), operation.summary),
        "description": f"An API key needs the scope `{operation.scope}`.",
        "reply": _reply(_answer_name(operation.name)),
    }


def _entry(action: str, message: str, summary: str) -> dict[str, Any]:
    return {"action": action, "summary": summary, **_reply(message)}


def _reply(message: str) -> dict[str, Any]:
    return {"channel": {"$ref": "#/channels/socket"}, "messages": [{"$ref": f"#/channels/socket/messages/{message}"}]}


def _request_message(operation: Operation) -> dict[str, Any]:
    payload = {"$ref": REF.format(name=operation.request.__name__)}
    is_needed = any(field.required for field in msgspec.structs.fields(operation.request))
    required = ["type", "payload"] if is_needed else ["type"]
    return _message(operation.name, operation.summary, required=required, id=_ID, payload=payload)


def _answer_message(operation: Operation) -> dict[str, Any]:
    payload, name = {"$ref": REF.format(name=operation.answer.__name__)}, f"{operation.name}.response"
    summary, ts = f"The answer to `{operation.name}`.", {"type": "string"}
    return _message(name, summary, required=["type", "payload", "ts"], id=_ID, payload=payload, ts=ts)


def _message(name: str, summary: str, *, required: list[str], **properties: Any) -> dict[str, Any]:
    """A message that is declared here, since its envelope is read before its type is known."""
    schema = {"type": "object", "required": required, "properties": {"type": {"const": name}, **properties}}
    return {"name": name, "summary": summary, "payload": schema}


def _push_message(kind: type[Push]) -> dict[str, Any]:
    return {
        "name": tag_of(kind),
        "summary": summary_of(kind),
        "payload": {"$ref": REF.format(name=kind.__name__)},
    }
