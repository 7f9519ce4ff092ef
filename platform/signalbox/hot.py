"""The short ways: a question like one that was answered before needs no middleware and no view.

Who asks, how often, and what is asked are checked by the same code as ever. Whatever is not plain (another origin, an
API key, an error, a limit that is reached) takes the long way, which says what is wrong in its own words.
"""

import logging
from collections import OrderedDict
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import uuid4

from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from redis.exceptions import RedisError

from accounts.errors import InvalidToken
from accounts.selectors import authenticate_caller, must_enrol
from datafeed.api import pages as bar_pages
from datafeed.api.datafeed import MarketDataView
from formulas.api.pages import FORMULAS
from kernel.api.shortcuts import NotPlain, Question, Shortcut
from kernel.api.throttles import CallThrottle
from kernel.errors import DomainError
from kernel.logs import set_request_id
from kernel.middleware import early_refusal
from kernel.net import address_behind
from notifications.api.posting import NOTIFICATION

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_SHORTCUTS: dict[tuple[str, str], Shortcut] = {
    ("GET", "datafeed/bars"): Shortcut(MarketDataView, lambda question: bar_pages.bars(question.query_params)),
    ("GET", "udf/history"): Shortcut(MarketDataView, lambda question: bar_pages.history(question.query_params)),
    ("GET", "formulas"): FORMULAS,
    ("POST", "notifications"): NOTIFICATION,
}
_BY_PATH: dict[tuple[str, str], Shortcut] = {
    (method, f"{prefix}/{path}{slash}"): shortcut
    for (method, path), shortcut in _SHORTCUTS.items()
    for prefix in ("/api/v1", "/api", "")
    for slash in ("", "/")
}
# Headers that change nothing about an answer from here. With any other the question takes the long way.
_INDIFFERENT = frozenset(
    b"accept accept-encoding accept-language connection user-agent referer cookie pragma cache-control dnt priority "
    b"sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform "
    b"content-length content-type x-forwarded-for".split()
)
_TOLD_ANEW = frozenset({b"content-length", b"x-request-id"})
_BEARER = b"bearer "
_MOST_PARAMETERS, _MOST_LEARNT = 20, 100
MOST_BODY = 64 * 1024  # bytes


class Caller(NamedTuple):
    """As much of a request as limits are counted by."""

    user: Any
    META: dict[str, str]
    method: str


class Learnt(NamedTuple):
    """What the long way answers a kind of question with, and the origin that its links begin with."""

    headers: Headers
    origin: str


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class HotPages:
    """What the long way has shown: which kinds of question are answered, and with which headers."""

    def __init__(self) -> None:
        self._learnt: OrderedDict[Any, Learnt] = OrderedDict()

    def is_one(self, method: str, path: str) -> bool:
        """Whether there is a short way to this at all."""
        return (method, path) in _BY_PATH

    def learn(self, scope: Any, request: HttpRequest, response: HttpResponseBase) -> None:
        """Remember that questions of this kind are answered so, if they are; all but their content and limits."""
        kind = _kind(scope)
        if kind is None or response.status_code != _shortcut(scope).status:
            return
        told = [(name.lower().encode(), value.encode()) for name, value in response.items()]
        headers = [header for header in told if header[0] not in _TOLD_ANEW]
        self._learnt[kind] = Learnt(headers, f"{request.scheme}://{request.get_host()}")
        while len(self._learnt) > _MOST_LEARNT:
            self._learnt.popitem(last=False)

    def answer(self, scope: Any, sent: bytes = b"") -> Answer | None:
        """The answer to what is asked, `sent` being the request's body; none where the long way is to be taken."""
        learnt = self._learnt.get(_kind(scope))
        if learnt is None or len(sent) > MOST_BODY:
            return None
        request_id = uuid4().hex
        set_request_id(request_id)
        shortcut = _shortcut(scope)
        try:
            wanted = _wanted(scope, shortcut, sent, learnt.origin)
        except (DomainError, NotPlain, DatabaseError, RedisError, ValueError):
            return None
        return None if wanted is None else _answered(shortcut, wanted[0], learnt.headers, request_id)


def _answered(shortcut: Shortcut, wanted: Any, told: Headers, request_id: str) -> Answer | None:
    try:
        body = shortcut.answer(wanted)
    except DomainError:
        return None
    except DatabaseError:
        # Whether something was written is not known: the long way must not do it again.
        logger.exception("the database failed on a short way")
        refusal = early_refusal(503)
        headers = [(name.lower().encode(), value.encode()) for name, value in refusal.items()]
        return Answer(503, headers, refusal.content)
    own = [(b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))]
    return Answer(shortcut.status, [*told, *own], body)


def _shortcut(scope: Any) -> Shortcut:
    return _BY_PATH[scope["method"], scope["path"]]


def _kind(scope: Any) -> Any:
    """What the headers of an answer hang on, and whether there is one; none for what is not plain."""
    headers = dict(scope["headers"])
    if len(headers) < len(scope["headers"]):
        return None
    host, proto = headers.pop(b"host", b""), headers.pop(b"x-forwarded-proto", b"")
    is_signed = headers.pop(b"authorization", b"")[: len(_BEARER)].lower()
    if is_signed not in {b"", _BEARER} or not headers.keys() <= _INDIFFERENT:
        return None
    form = scope["method"] == "POST" and headers.get(b"content-type", b"")
    # A proxy's word on the scheme is believed by its own address alone, which therefore belongs to the kind.
    return scope["path"], form, scope["scheme"], host, is_signed, proto and (proto, scope["client"][0])


def _wanted(scope: Any, shortcut: Shortcut, sent: bytes, origin: str) -> tuple[Any] | None:
    """What is asked for, unless somebody has asked for too much; raises what the long way would tell."""
    headers = dict(scope["headers"])
    user = _user(headers.get(b"authorization", b""))
    asked = scope["query_string"].decode("latin-1")
    query = dict(parse_qsl(asked, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    url = f"{origin}{scope['path']}?{asked}" if asked else f"{origin}{scope['path']}"
    wanted = shortcut.read(Question(user, query, sent, url))
    peer, behind = (scope.get("client") or (None,))[0], headers.get(b"x-forwarded-for", b"")
    address = address_behind(peer, behind.decode("latin-1")) or ""
    caller: Any = Caller(user, {"REMOTE_ADDR": address}, scope["method"])
    return (wanted,) if CallThrottle().allow_request(caller, shortcut.view) else None


def _user(authorization: bytes) -> Any:
    """Whoever brings that header; raises `InvalidToken` for a bad one, and for whom the long way has a question."""
    if not authorization:
        return AnonymousUser()
    caller = authenticate_caller(authorization[len(_BEARER) :].strip())
    if must_enrol(caller):
        raise InvalidToken
    return caller
