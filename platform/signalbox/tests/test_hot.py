"""The short way to pages of bars gives the answers of the long one, to those who may have them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connections

from accounts.models import Session, User
from accounts.services import sign_in, sign_out
from datafeed.models import Series
from datafeed.providers.base import InstrumentSpec
from datafeed.services import ensure_series, load_history
from datafeed.tests.conftest import DAY, MONDAY, bar
from signalbox.http import PooledHandler

pytestmark = pytest.mark.django_db(transaction=True)

BARS = "/api/v1/datafeed/bars?symbol=IBM&resolution=1D&from_time=0&to_time=4000000000"
HISTORY = "/udf/history?symbol=ibm&resolution=D&to=4000000000&countback=3"
PASSWORD = "correct horse battery"


class Server:
    """The HTTP side of a server, asked as over the wire; it counts who took the long way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handler, self.long_ways = PooledHandler(), 0
        long_way = self.handler._take_the_long_way

        async def counted(*args: Any) -> None:
            self.long_ways += 1
            await long_way(*args)

        monkeypatch.setattr(self.handler, "_take_the_long_way", counted)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return asyncio.run(self._get(path, {name.replace("_", "-"): value for name, value in headers.items()}))

    async def _get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self.handler, client=("127.0.0.1", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    def was_quick(self, path: str, **headers: str) -> tuple[httpx.Response, bool]:
        before = self.long_ways
        return self.get(path, **headers), self.long_ways == before


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    found = Server(monkeypatch)
    yield found
    for _ in range(settings.HTTP_THREADS):
        found.handler._threads.submit(connections.close_all)
    found.handler._threads.shutdown()


@pytest.fixture
def ibm() -> Series:
    series = ensure_series(spec=InstrumentSpec("IBM", "Machines", "NYSE"), resolution="1D", provider="replay")
    assert series is not None
    load_history(series=series, bars=[bar(MONDAY + day * DAY, 10 + day) for day in range(5)])
    return series


@pytest.fixture
def token(person: Callable[..., User]) -> str:
    person("ann")
    return f"Bearer {sign_in(login='ann', password=PASSWORD).access_token}"


def told(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.content, headers


@pytest.mark.parametrize("path", [BARS, HISTORY, BARS.removeprefix("/api/v1")])
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_the_second_answer_is_quick_and_the_same_in_all_but_its_number(
    server: Server, ibm: Series, token: str, path: str, is_signed_in: bool
) -> None:
    headers = {"authorization": token} if is_signed_in else {}
    first, second = server.was_quick(path, **headers), server.was_quick(path, **headers)
    assert (first[1], second[1]) == (False, True)
    assert told(first[0]) == told(second[0])
    assert first[0].headers["x-request-id"] != second[0].headers["x-request-id"]


def test_a_bar_that_closed_is_in_the_next_quick_answer(server: Server, ibm: Series) -> None:
    server.get(HISTORY)
    load_history(series=ibm, bars=[bar(MONDAY + 7 * DAY, 99)])
    response, is_quick = server.was_quick(HISTORY)
    assert (response.json()["c"][-1], is_quick) == (99.0, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (BARS.replace("IBM", "NOPE"), 400),
        (BARS.replace("1D", "7"), 400),
        (BARS.replace("from_time=0", "from_time=soon"), 400),
        (HISTORY.replace("ibm", "nope"), 404),
        (HISTORY.replace("=3", "=-3"), 400),
        (HISTORY + "&a" * 50, 200),
    ],
)
def test_what_is_wrong_is_told_as_ever(server: Server, ibm: Series, path: str, status: int) -> None:
    fresh = server.get(path)
    server.get(BARS)
    server.get(HISTORY)
    again = server.get(path)
    assert again.status_code == status
    assert {**again.json(), "request_id": ""} == {**fresh.json(), "request_id": ""}


def test_limits_count_quick_answers_too(server: Server, ibm: Series, settings: Any) -> None:
    settings.PUBLIC_CALLS_PER_MINUTE = 3
    assert [server.get(HISTORY).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_session_that_ended_is_refused_at_once(server: Server, ibm: Series, token: str) -> None:
    for _ in range(2):
        assert server.get(BARS, authorization=token).status_code == 200
    sign_out(session=Session.objects.get())
    assert server.get(BARS, authorization=token).status_code == 401


def test_a_stranger_is_refused_where_market_data_is_not_public(
    server: Server, ibm: Series, token: str, settings: Any
) -> None:
    settings.DATAFEED_PUBLIC = False
    for _ in range(2):
        assert server.get(BARS, authorization=token).status_code == 200
    assert server.get(BARS).status_code == 401
    assert server.get(BARS, authorization="Bearer nonsense").status_code == 401
    assert server.get(BARS, authorization="Api-Key sbx_a_b").status_code == 401


def test_a_page_of_another_origin_hears_whether_it_may_read(server: Server, ibm: Series, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://charts.example"]
    server.get(BARS)
    response, is_quick = server.was_quick(BARS, origin="https://charts.example")
    assert (response.headers.get("access-control-allow-origin"), is_quick) == ("https://charts.example", False)


@pytest.mark.parametrize("header", [{"host": "evil.example"}, {"x-request-id": "mine"}, {"x-forwarded-host": "evil"}])
def test_what_is_not_plain_takes_the_long_way(server: Server, ibm: Series, header: dict[str, str]) -> None:
    server.get(BARS)
    assert server.was_quick(BARS, **header)[1] is False
    assert server.was_quick(BARS, **header)[1] is False
    assert server.was_quick(BARS)[1] is True


def test_the_address_a_trusted_proxy_names_is_the_one_that_is_counted(
    server: Server, ibm: Series, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = ("127.0.0.1",)
    settings.PUBLIC_CALLS_PER_MINUTE = 2
    statuses = [server.get(BARS, x_forwarded_for=f"10.0.0.{number}").status_code for number in (1, 1, 1, 2, 2, 2)]
    assert statuses == [200, 200, 429, 200, 200, 429]
