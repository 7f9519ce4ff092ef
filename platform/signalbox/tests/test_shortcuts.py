"""The short ways to the list of formulas and to a new notification: the long way's words, rules and limits."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.core.signals import request_started
from django.db import OperationalError, close_old_connections
from rest_framework.permissions import IsAuthenticated

from accounts.models import Role, User
from accounts.services import sign_in
from formulas.api.pages import FORMULAS
from formulas.models import Formula, Tag
from formulas.services import create_formula, subscribe_to_formula
from kernel.api.parsers import StrictJSONParser
from kernel.api.throttles import CallThrottle
from notifications.api.posting import NOTIFICATION
from notifications.models import Notification
from notifications.services import notify_user
from signalbox.rest import mark_pushed
from signalbox.wsgi import Handler

pytestmark = pytest.mark.django_db

LIST, POST = "/api/v1/formulas/?size=20", "/api/v1/notifications/"
NOTE = {
    "type": "combined_signal", "priority": "critical", "title": "Strong buy", "message": "Said with 85% confidence",
    "source": "combined", "symbol": "BTC/USDT", "confidence_score": 85.123456, "data": {"a": [1, None]},
}  # fmt: skip
CODE = "if rsi(close, 14) < 30: buy()"


class Told(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any
    was_quick: bool


class Server:
    """A WSGI server in this thread, which notes who took the long way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handler, self.long_ways = Handler(), 0
        long_way = self.handler.get_response

        def counted(request: Any) -> Any:
            self.long_ways += 1
            return long_way(request)

        monkeypatch.setattr(self.handler, "get_response", counted)

    def ask(self, address: str, token: str, body: Any = None, **headers: str) -> Told:
        path, _, query = address.partition("?")
        sent = b"" if body is None else json.dumps(body).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET" if body is None else "POST", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(sent), "wsgi.errors": sys.stderr,
            "HTTP_AUTHORIZATION": f"Bearer {token}",
        }  # fmt: skip
        if sent:
            environ |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(sent))}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        said: list[Any] = []
        before = self.long_ways
        content = b"".join(self.handler(environ, lambda *told: said.extend(told)))
        own = {name.lower(): value for name, value in said[1] if name.lower() != "x-request-id"}
        return Told(int(said[0].split()[0]), own, json.loads(content), self.long_ways == before)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    # The connection is the test's, whose transaction goes on from request to request.
    request_started.disconnect(close_old_connections)
    yield Server(monkeypatch)
    request_started.connect(close_old_connections)


def token_of(user: User) -> str:
    return sign_in(login=user.username, password="correct horse battery").access_token


@pytest.fixture
def market(person: Callable[..., User]) -> dict[str, User]:
    """Ann has a public formula, a private one and a retired one; Ben follows the first and the last."""
    ann, ben = person("ann"), person("ben")
    differing: list[dict[str, Any]] = [{}, {"is_public": False}, {}, {"description": "Ünïcode"}]
    for number, fields in enumerate(differing):
        formula = create_formula(author=ann, name=f"F{number}", formula_code=CODE, tags=["rsi", "a-b"], **fields)
        if number in {0, 2}:
            subscribe_to_formula(user=ben, formula=formula)
    Formula.objects.filter(name="F2").update(is_retired=True)
    Formula.objects.filter(name="F0").update(performance_score="70.00", average_rating=4.5, total_reviews=2)
    create_formula(author=ben, name="F4", formula_code=CODE, category="trend")
    return {"ann": ann, "ben": ben, "eve": person("eve"), "root": person("root", role="admin")}


@pytest.mark.parametrize("name", ["ann", "ben", "eve", "root"])
@pytest.mark.parametrize("query", ["", "size=20", "size=2", "page=2&limit=2", "page=9"])
def test_the_short_list_is_the_long_one_for_everybody(
    server: Server, market: dict[str, User], name: str, query: str
) -> None:
    token = token_of(market[name])
    address = f"/api/v1/formulas?{query}"
    first, second = server.ask(address, token), server.ask(address, token)
    assert (first.was_quick, second.was_quick) == (False, True)
    assert first[:3] == second[:3]


def test_a_short_way_knows_every_rule_of_its_view() -> None:
    """Who may ask is checked on the short way by what these classes do: a view that asks for more must not have one."""
    for shortcut in (FORMULAS, NOTIFICATION):
        rules = (shortcut.view.permission_classes, shortcut.view.throttle_classes, shortcut.view.parser_classes)
        assert rules == ([IsAuthenticated], [CallThrottle], [StrictJSONParser])
        assert not hasattr(shortcut.view, "open_to_unenrolled")


def test_a_list_that_is_filtered_or_wrong_takes_the_long_way(server: Server, market: dict[str, User]) -> None:
    token = token_of(market["eve"])
    server.ask("/formulas", token)
    for query, status in (("search=F4", 200), ("ordering=name", 200), ("page=0", 400), ("size=101", 400)):
        told = server.ask(f"/formulas?{query}", token)
        assert (told.status, told.was_quick) == (status, False)
    assert server.ask("/formulas", token).was_quick


def test_a_quick_list_costs_three_queries_whatever_its_length(
    server: Server, market: dict[str, User], django_assert_num_queries: Any
) -> None:
    token = token_of(market["ben"])
    server.ask(LIST, token)
    for size in (1, 20):
        with django_assert_num_queries(3):
            assert server.ask(f"/api/v1/formulas/?size={size}", token).was_quick


def test_a_change_of_role_or_standing_counts_at_once(server: Server, market: dict[str, User]) -> None:
    root = market["root"]
    token = token_of(root)
    seen = [server.ask(LIST, token).body["total"] for _ in range(2)]
    User.objects.filter(pk=root.pk).update(role=Role.USER)
    demoted = server.ask(LIST, token)
    assert (seen, demoted.body["total"], demoted.was_quick) == ([5, 5], 3, True)
    User.objects.filter(pk=root.pk).update(is_active=False)
    assert server.ask(LIST, token).status == 401


def test_tags_come_in_alphabetical_order(server: Server, market: dict[str, User]) -> None:
    formula = Formula.objects.get(name="F4")
    formula.tags.set([Tag.objects.create(name=name) for name in ("zeta", "mid", "alpha")])
    told = [server.ask(LIST, token_of(market["ben"])).body["results"][0]["tags"] for _ in range(2)]
    assert told == [["alpha", "mid", "zeta"]] * 2


def test_a_quick_notification_is_told_and_answered_as_ever(
    server: Server,
    person: Callable[..., User],
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    woken: list[Any] = []
    monkeypatch.setattr("notifications.handlers.wake_stream", lambda *told: woken.append(told))
    ann = person("ann")
    token = token_of(ann)
    with django_capture_on_commit_callbacks(execute=True):
        first, second = server.ask(POST, token, NOTE), server.ask(POST, token, {**NOTE, "user_id": ann.pk})
    assert (first.status, second.status, first.was_quick, second.was_quick) == (201, 201, False, True)
    own = {"id": "", "seq": 0, "created_at": ""}
    assert {**first.body, **own} == {**second.body, **own}
    assert {**first.headers, "content-length": ""} == {**second.headers, "content-length": ""}
    assert list(first.body) == list(second.body)
    row = Notification.objects.get(pk=second.body["id"])
    assert (row.sender_id, row.seq, str(row.confidence_score)) == (ann.pk, first.body["seq"] + 1, "85.1235")
    assert woken == [(f"user:{ann.pk}", one.seq, one.text) for one in Notification.objects.order_by("seq")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"title": ""}, 400),
        ({"priority": "soon"}, 400),
        ({"confidence_score": 101}, 400),
        ({"data": [1]}, 400),
        ({"message": "\x00"}, 400),
        ({"user_id": 10**9}, 403),
    ],
)
def test_what_is_wrong_with_a_notification_is_told_as_ever(
    server: Server, person: Callable[..., User], change: dict[str, Any], status: int
) -> None:
    token = token_of(person("ann"))
    fresh = server.ask(POST, token, {**NOTE, **change})
    server.ask(POST, token, NOTE)
    again = server.ask(POST, token, {**NOTE, **change})
    assert (again.status, again.was_quick) == (status, False)
    assert {**again.body, "request_id": ""} == {**fresh.body, "request_id": ""}
    assert Notification.objects.count() == 1


def test_what_was_pushed_is_marked_beside_the_application(
    server: Server,
    person: Callable[..., User],
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        server.ask(POST, token_of(person("ann")), NOTE)
    with monkeypatch.context() as patch:
        patch.setattr("signalbox.rest.mark_waiting_published", failing)
        patch.setattr("signalbox.rest.close_old_connections", lambda: None)
        mark_pushed()  # it is logged, and the next time comes
    mark_pushed()
    assert Notification.objects.get().published_at is not None


def failing() -> int:
    raise OperationalError("the connection was lost")


def test_limits_count_quick_writes_too(server: Server, person: Callable[..., User], settings: Any) -> None:
    settings.WRITES_PER_MINUTE = 3
    token = token_of(person("ann"))
    assert [server.ask(POST, token, NOTE).status for _ in range(4)] == [201, 201, 201, 429]
    assert Notification.objects.count() == 3


def test_a_notification_with_a_key_is_told_once(server: Server, person: Callable[..., User]) -> None:
    token = token_of(person("ann"))
    server.ask(POST, token, NOTE)
    told = [server.ask(POST, token, NOTE, idempotency_key="k1") for _ in range(2)]
    assert told[0].body == told[1].body
    assert not any(one.was_quick for one in told)
    assert Notification.objects.count() == 2


def test_a_write_that_the_database_fails_is_not_tried_again(
    server: Server, person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(person("ann"))
    server.ask(POST, token, NOTE)
    tries: list[Any] = []

    def failing_late(**values: Any) -> Any:
        tries.append(notify_user(**values))
        raise OperationalError("the connection was lost")

    monkeypatch.setattr("notifications.services.notify_user", failing_late)
    told = server.ask(POST, token, NOTE)
    assert (told.status, told.body["code"], told.headers["retry-after"], len(tries)) == (503, "unavailable", "1", 1)


def test_a_body_that_is_too_long_or_not_announced_takes_the_long_way(
    server: Server, person: Callable[..., User]
) -> None:
    token = token_of(person("ann"))
    server.ask(POST, token, NOTE)
    padded = {**NOTE, "data": {"text": "x" * 70_000}}
    told = server.ask(POST, token, padded)
    assert (told.status, told.was_quick) == (400, False)
    assert server.ask(POST, token, NOTE).was_quick
