"""How many connections there may be, and for how long: live, with the limits as they are shipped."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

import jwt
import pytest
from django.conf import settings

from kernel import clock
from tests.chaos.readers import until
from tests.chaos.servers import Site
from tests.frames import CLOSE, TEXT, Wire
from tests.server import LiveServer

pytestmark = pytest.mark.live

WARNED_BEFORE = 30.0
_KEY = "import json; from django.conf import settings; print(json.dumps(settings.SIMPLE_JWT['SIGNING_KEY']))"


@contextmanager
def opened(server: LiveServer, count: int, token: str = "") -> Iterator[list[int]]:
    """So many connections at once; how each has answered a ping: 0, or the code that it was closed with."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server, token)) for _ in range(count)]
        yield [answered(wire.say("ping")) for wire in wires]


def answered(wire: Wire) -> int:
    kind, payload = wire.receive()
    return int.from_bytes(payload[:2], "big") if kind == CLOSE else 0


def test_of_150_connections_of_one_person_20_stay(site: Site) -> None:
    token = site.people.people[1][1]
    with opened(site.server, 150, token) as codes:
        assert sorted(codes) == [0] * settings.WS_CONNECTIONS_PER_USER + [4429] * 130
        with opened(site.server, 1, site.people.people[2][1]) as others:
            assert others == [0]

    def again() -> bool:
        with opened(site.server, settings.WS_CONNECTIONS_PER_USER, token) as codes:
            return not any(codes)

    until(again, 10, "those who are gone still count")


def test_of_51_strangers_at_one_address_50_stay(site: Site) -> None:
    with opened(site.server, settings.WS_STRANGERS_PER_ADDRESS + 1) as codes:
        assert sorted(codes) == [0] * settings.WS_STRANGERS_PER_ADDRESS + [4429]
        with opened(site.server, 1, site.people.people[3][1]) as known:
            assert known == [0]


@pytest.fixture(scope="module")
def token_for(kept: Site) -> Callable[[float], str]:
    """A maker of tokens that end in so many seconds, and are otherwise as signing in gives them."""
    key = kept.server.shell(_KEY)
    claims = jwt.decode(kept.people.people[4][1], options={"verify_signature": False})

    def make(seconds: float) -> str:
        ends = int(clock.now().timestamp() + seconds)
        return jwt.encode({**claims, "exp": ends}, key, algorithm="HS256")

    return make


def test_who_is_about_to_expire_is_warned_and_then_closed(site: Site, token_for: Callable[[float], str]) -> None:
    began = monotonic()
    with Wire(site.server, token_for(WARNED_BEFORE + 3)) as wire:
        assert pushed(wire) == "auth.expiring"
        assert 1.5 < monotonic() - began < 5
        # A second one may also end sooner: what counts is the last.
        began = monotonic()
        assert wire.say("auth", {"token": token_for(3)}).answer()["payload"]["status"] == "ok"
        assert pushed(wire) == "auth.expiring"
        assert wire.close_code() == 4401
        assert 1.5 < monotonic() - began < 5


def test_a_fresh_token_prolongs_a_connection(site: Site, token_for: Callable[[float], str]) -> None:
    with Wire(site.server, token_for(2)) as wire, Wire(site.server, token_for(2)) as other:
        assert wire.say("auth", {"token": token_for(600)}).answer()["payload"]["status"] == "ok"
        assert other.close_code() == 4401
        assert wire.say("ping", number=2).answer(2)["type"] == "pong"


def pushed(wire: Wire) -> str:
    """The type of the next message that is no answer."""
    while True:
        kind, payload = wire.receive()
        assert kind == TEXT, payload
        if "id" not in (message := json.loads(payload)):
            return str(message["type"])
