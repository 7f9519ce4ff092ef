"""`ETag` and `If-Match`: two editors of one document cannot overwrite each other unseen."""

import hashlib

from rest_framework.request import Request

from kernel.errors import DomainError


class PreconditionFailed(DomainError):
    code = "stale_version"
    status = 412  # type: ignore[assignment]
    message = "The document has changed since you read it."


def etag(*parts: object) -> str:
    """A strong validator over what identifies a version of a document."""
    return '"' + hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32] + '"'


def check_if_match(request: Request, current: str) -> None:
    """Raise `PreconditionFailed` where `If-Match` names another version than `current`."""
    wanted = request.headers.get("If-Match")
    if wanted is None or wanted.strip() == "*":
        return
    if current not in {tag.strip().removeprefix("W/") for tag in wanted.split(",")}:
        raise PreconditionFailed
