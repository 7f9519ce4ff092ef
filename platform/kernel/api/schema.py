"""How the OpenAPI document is made: every operation says what it does, and the problems it may answer with."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": True},
    },
}


# What an action does of that which its whole viewset is about.
DOES = {
    "list": "List", "create": "Make one", "retrieve": "Read one", "update": "Replace one",
    "partial_update": "Change one", "destroy": "Remove one",
}  # fmt: skip
LONGEST_SUMMARY = 100


class ProblemAwareSchema(AutoSchema):
    """drf-spectacular's schema with problem+json as every operation's default answer, and a line for each in lists."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation:
            content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            operation["responses"]["default"] = {"description": "A problem.", "content": content}
            operation.setdefault("summary", self._summary(operation.get("description", "")))
        return operation

    def _summary(self, description: str) -> str:
        """The first sentence of the description; where that is the viewset's, what this action does comes before it."""
        action = getattr(self.view, "action", None) or self.method.lower()
        is_own = bool(getattr(getattr(self.view, action, None), "__doc__", None))
        words = _first_sentence(description)
        return words if is_own or action not in DOES else f"{DOES[action]}: {words[:1].lower()}{words[1:]}"


def _first_sentence(text: str) -> str:
    """Without the full stop; what is too long for a line ends with the part of it that can stand alone."""
    words = re.split(r"\.(?:\s|$)", " ".join(text.split()), maxsplit=1)[0]
    return words if len(words) <= LONGEST_SUMMARY else re.split(r"[;:] ", words, maxsplit=1)[0]


def add_problem(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put the problem's own schema among the components."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    return result
