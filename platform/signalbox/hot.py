"""The short way to pages of bars: a question like one that was answered before needs no middleware and no view.

Who asks, how often, and what is asked are checked by the same code as ever. Whatever is not plain (another origin, an
API key, an error, a limit that is reached) takes the long way, which says what is wrong in its own words.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import uuid4

from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpResponseBase
from redis.exceptions import RedisError

from accounts.errors import InvalidToken
from accounts.selectors import authenticate_token, must_enrol
from datafeed.api import pages
from datafeed.api.datafeed import MarketDataView
from kernel.api.throttles import CallThrottle
from kernel.errors import DomainError
from kernel.logs import set_request_id
from kernel.net import address_behind

Headers = list[tuple[bytes, bytes]]

_PAGES: dict[str, Callable[[dict[str, str]], bytes]] = {
    f"{prefix}/{path}": page
    for prefix in ("/api/v1", "/api", "")
    for path, page in (("datafeed/bars", pages.bars), ("udf/history", pages.history))
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


class Caller(NamedTuple):
    """As much of a request as limits are counted by."""

    user: Any
    META: dict[str, str]
    method: str = "GET"


class HotPages:
    """What the long way has shown: which kinds of question are answered, and with which headers."""

    def __init__(self) -> None:
        self._learnt: OrderedDict[Any, Headers] = OrderedDict()

    def is_one(self, scope: Any) -> bool:
        """Whether the question is for a page of bars at all."""
        return scope["method"] == "GET" and scope["path"] in _PAGES

    def learn(self, scope: Any, response: HttpResponseBase) -> None:
        """Remember that questions of this kind are answered so, if they are; all but their content and limits."""
        kind = _kind(scope)
        if kind is not None and response.status_code == 200:
            told = [(name.lower().encode(), value.encode()) for name, value in response.items()]
            self._learnt[kind] = [header for header in told if header[0] not in _TOLD_ANEW]
            while len(self._learnt) > _MOST_LEARNT:
                self._learnt.popitem(last=False)

    def answer(self, scope: Any) -> tuple[Headers, bytes] | None:
        """Headers and body of the page asked for; none where the long way is to be taken."""
        headers = self._learnt.get(_kind(scope))
        if headers is None:
            return None
        request_id = uuid4().hex
        set_request_id(request_id)
        try:
            body = _body(scope)
        except (DomainError, DatabaseError, RedisError, ValueError):
            return None
        if body is None:
            return None
        return [*headers, (b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))], body


def _kind(scope: Any) -> Any:
    """What the headers of an answer hang on, and whether there is one; none for what is not plain."""
    headers = dict(scope["headers"])
    if len(headers) < len(scope["headers"]):
        return None
    host, proto = headers.pop(b"host", b""), headers.pop(b"x-forwarded-proto", b"")
    is_signed = headers.pop(b"authorization", b"")[: len(_BEARER)].lower()
    if is_signed not in {b"", _BEARER} or not headers.keys() <= _INDIFFERENT:
        return None
    # A proxy's word on the scheme is believed by its own address alone, which therefore belongs to the kind.
    return scope["path"], scope["scheme"], host, is_signed, proto and (proto, scope["client"][0])


def _body(scope: Any) -> bytes | None:
    """The page, unless somebody has asked for too many; raises what the long way would tell."""
    headers = dict(scope["headers"])
    user = _user(headers.get(b"authorization", b""))
    query = dict(
        parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    )
    body = _PAGES[scope["path"]](query)
    peer, behind = (scope.get("client") or (None,))[0], headers.get(b"x-forwarded-for", b"")
    caller = Caller(user, {"REMOTE_ADDR": address_behind(peer, behind.decode("latin-1")) or ""})
    return body if CallThrottle().allow_request(caller, MarketDataView) else None  # type: ignore[arg-type]


def _user(authorization: bytes) -> Any:
    """Whoever brings that header; raises `InvalidToken` for a bad one, and for whom the long way has a question."""
    if not authorization:
        return AnonymousUser()
    user = authenticate_token(authorization[len(_BEARER) :].strip()).session.user
    if must_enrol(user):
        raise InvalidToken
    return user
