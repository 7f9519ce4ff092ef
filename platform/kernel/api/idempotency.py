"""`Idempotency-Key`: the same key and body gives the first answer again, whatever was lost on the way."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

import msgspec
from django.db import IntegrityError, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from kernel import clock
from kernel.api.renderers import encoder
from kernel.errors import Conflict, DomainError, Invalid
from kernel.models import RememberedAnswer

P = ParamSpec("P")
Endpoint = Callable[Concatenate[Any, Request, P], Response]


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422  # type: ignore[assignment]
    message = "This Idempotency-Key was used with another body."


class StillRunning(Conflict):
    code = "idempotency_in_progress"
    message = "The first request with this Idempotency-Key is still running."


def idempotent(endpoint: Endpoint[P]) -> Endpoint[P]:
    """Let a POST honour `Idempotency-Key`, scoped to the user, the method and the path.

    The key is stored in the transaction of the effect, so both happen or neither; refusals are not remembered.
    A repeat that arrives while the first is running waits for its row and then reads its answer.
    """

    @wraps(endpoint)
    def remembered(view: Any, request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return endpoint(view, request, *args, **kwargs)
        if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
            raise Invalid.field("Idempotency-Key", "1 to 255 printable ASCII characters are allowed.")
        scope = {"user": request.user, "method": request.method, "route": request.path_info[:200], "key": key}
        body_hash = hashlib.sha256(msgspec.json.encode(request.data, order="sorted")).hexdigest()
        try:
            with transaction.atomic():
                return _first(scope, body_hash, lambda: endpoint(view, request, *args, **kwargs))
        except _Taken:
            return _again(scope, body_hash)

    return cast(Endpoint[P], remembered)


class _Taken(Exception):
    pass


def _first(scope: dict[str, Any], body_hash: str, run: Callable[[], Response]) -> Response:
    RememberedAnswer.objects.filter(**scope, keep_until__lt=clock.now()).delete()
    try:
        with transaction.atomic():
            row = RememberedAnswer.objects.create(**scope, body_hash=body_hash)
    except IntegrityError:
        raise _Taken from None
    response = run()
    if response.status_code >= 400:
        transaction.set_rollback(True)
        return response
    row.status, row.answer = response.status_code, encoder.encode(response.data).decode()
    row.headers = {name: value for name, value in response.headers.items() if name in {"Location", "ETag"}}
    row.save(update_fields=["status", "answer", "headers"])
    return response


def _again(scope: dict[str, Any], body_hash: str) -> Response:
    row = RememberedAnswer.objects.filter(**scope).first()
    if row is None or row.status is None:
        raise StillRunning(Retry_After="1")
    if row.body_hash != body_hash:
        raise KeyReused
    headers = {**row.headers, "Idempotency-Replayed": "true"}
    return Response(msgspec.json.decode(row.answer), status=row.status, headers=headers)


def forget_old_answers() -> int:
    """Delete what need not be remembered any longer; the number of rows."""
    return RememberedAnswer.objects.filter(keep_until__lt=clock.now()).delete()[0]
