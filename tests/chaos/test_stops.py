"""A server that is told to stop: it finishes what it has begun, takes on nothing more, and sends its sockets away."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.chaos.oracle import check_complete
from tests.chaos.population import tables
from tests.chaos.readers import Crowd, until
from tests.chaos.servers import Site
from tests.chaos.writers import Writers
from tests.raw import Line, request
from tests.server import PASSWORD

pytestmark = pytest.mark.live


def test_a_stop_under_load_loses_nothing_and_says_when_to_come_back(site: Site, crowd: Crowd) -> None:
    crowd.join(site.readers(60))
    with Writers([site.server.site], site.people, 40) as writers:
        until(lambda: len(writers.acknowledged) >= 40, 30, "nothing could be written")
        assert site.server.stop() == 0
        site.server.start()
    assert not writers.faults, writers.faults[:5]
    assert {code for reader in crowd.readers for code in reader.closes} == {4012}
    check_complete(crowd, tables(site.server), writers.acknowledged)


def test_requests_that_run_when_the_stop_comes_are_answered(site: Site) -> None:
    server = site.server
    lines = [Line(server, timeout=30) for _ in range(6)]
    for number, line in enumerate(lines):
        # Hashing a password is slow on purpose.
        name = f"late{number}"
        body = f'{{"email":"{name}@example.com","username":"{name}","password":"{PASSWORD}"}}'.encode()
        head = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        line.send(request(head, body, b"POST /api/v1/auth/register HTTP/1.1"))
    # Answered on the server's own loop: so the others, which came before, have begun.
    assert httpx.get(f"{server.site}/no/such/page").status_code == 404
    with ThreadPoolExecutor(1) as stopping:
        ended = stopping.submit(server.stop)
        assert [line.answer().status for line in lines] == [201] * len(lines)
        assert ended.result() == 0
    for line in lines:
        line.__exit__()
