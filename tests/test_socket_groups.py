"""Every kind of caller tries every operation and every stream on sockets; nothing of another's arrives."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from accounts import services as accounts
from formulas.events import SignalRaised
from kernel import jobs
from kernel.background import on_thread
from kernel.events import publish
from kernel.realtime.hub import close_hub
from kernel.realtime.operations import operations
from notifications import services as notifications
from portfolio.services import add_position
from tests.conversation import Conversation
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

YES, SIGN_IN, NO_SCOPE, STRANGERS_TOO = "yes", "not_authenticated", "scope_missing", "where market data is public"
# What each operation answers somebody signed in, a stranger, and a key that may only read. A new one needs its row.
OPERATIONS: dict[str, tuple[str, str, str]] = {
    "auth": (YES, YES, YES),
    "bars.subscribe": (YES, STRANGERS_TOO, YES),
    "bars.unsubscribe": (YES, STRANGERS_TOO, YES),
    "jobs.subscribe": (YES, SIGN_IN, YES),
    "notifications.ack": (YES, SIGN_IN, NO_SCOPE),
    "notifications.read": (YES, SIGN_IN, NO_SCOPE),
    "notifications.subscribe": (YES, SIGN_IN, YES),
    "notifications.unsubscribe": (YES, SIGN_IN, YES),
    "portfolio.subscribe": (YES, SIGN_IN, YES),
    "portfolio.unsubscribe": (YES, SIGN_IN, YES),
    "quotes.subscribe": (YES, STRANGERS_TOO, YES),
    "quotes.unsubscribe": (YES, STRANGERS_TOO, YES),
    "signals.subscribe": (YES, SIGN_IN, YES),
    "signals.unsubscribe": (YES, SIGN_IN, YES),
}
# The streams that are somebody's by who they are, beside their own and everybody's; Ann's formula is hers alone.
STREAMS = {
    "ann": {"role:user", "company:acme", "company:acme/role:user", "formula"},
    "ben": {"role:user"},
    "company_admin": {"role:company_admin", "company:acme", "company:acme/role:company_admin"},
    "rival": {"role:company_admin", "company:rival", "company:rival/role:company_admin"},
    "operator": {"role:operator"},
    "reviewer": {"role:reviewer"},
    "admin": {"role:admin"},
    "key": {"role:user"},
}
RUN_THE_SYSTEM = {"operator", "admin"}
STRANGER, KEY = "stranger", "key"
CALLERS = [name for name in STREAMS if name != "ann"]
NO_STREAMS = [
    "*",
    "user:*",
    "all ",
    "ALL",
    "user:",
    "",
    "role:",
    "company:*",
    "company:acme/role:*",
    "../all",
    "user:me",
]
SPELT = ["user:0{ann}", "user:{ann} ", "USER:{ann}", "user:{ann}/", "user:{ann},all", "stream:user:{ann}", "jobs:{ann}",
         "portfolio:{ann}", "session:{session}", "formula:0{formula}"]  # fmt: skip


@pytest.fixture(autouse=True)
async def _clean_hub() -> AsyncIterator[None]:
    yield
    await close_hub()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits on messages have tests of their own; here they would end the conversation."""
    monkeypatch.setattr("kernel.realtime.endpoint.MOST_MISTAKES", 10**9)
    monkeypatch.setattr("kernel.realtime.endpoint.BURST", 1e9)


def payloads(world: World) -> dict[str, dict[str, Any]]:
    """Each operation's payload, aimed at what is Ann's wherever it can name a thing."""
    bars, quotes = {"symbol": "ACME", "resolution": "1D"}, {"symbols": ["ACME"]}
    return {
        "bars.subscribe": bars,
        "bars.unsubscribe": bars,
        "jobs.subscribe": {"id": str(world.job.pk)},
        "notifications.ack": {"ids": [str(world.notification.pk)]},
        "notifications.read": {"ids": [str(world.notification.pk)]},
        "quotes.subscribe": quotes,
        "quotes.unsubscribe": quotes,
        "signals.subscribe": {"formula_ids": [world.private.pk]},
        "signals.unsubscribe": {"formula_ids": [world.private.pk]},
    }


def credential_of(world: World, name: str) -> str:
    if name == STRANGER:
        return ""
    if name == KEY:
        return f"Api-Key {accounts.create_api_key(user=world.people['ben'], name='bot', scopes=['read'])[1]}"
    return f"Bearer {world.token(name)}"


async def caller(world: World, name: str, path: str = "/api/v1/ws") -> Conversation:
    return await Conversation(await on_thread(credential_of, world, name), path).open()


def world_with_streams() -> World:
    """The world, in which Ann follows her formula's stream as well."""
    world = World()
    notifications.sync_subscription(user_id=world.ann.pk, formula_id=world.private.pk)
    return world


def own_streams(world: World, name: str) -> set[str]:
    user = world.people["ben" if name == KEY else name]
    places = {f"formula:{world.private.pk}" if stream == "formula" else stream for stream in STREAMS[name]}
    return {f"user:{user.pk}", "all"} | places


def every_stream(world: World) -> list[str]:
    return sorted(set().union(*(own_streams(world, name) for name in STREAMS)))


def test_every_operation_has_its_row() -> None:
    assert {operation.name for operation in operations()} == set(OPERATIONS)


@pytest.mark.parametrize("market_is_open", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("name", [STRANGER, *CALLERS])
async def test_what_the_matrix_forbids_is_refused_and_the_connection_stays(
    name: str, market_is_open: bool, settings: Any
) -> None:
    settings.DATAFEED_PUBLIC = market_is_open
    world = await on_thread(World)
    connection = await caller(world, name)
    column = {STRANGER: 1, KEY: 2}.get(name, 0)
    aimed = payloads(world)
    for operation, row in OPERATIONS.items():
        expected = row[column]
        if expected == STRANGERS_TOO:
            expected = YES if market_is_open else SIGN_IN
        if operation == "auth":
            continue  # who signs in becomes somebody: a test of its own
        answer = await connection.ask(operation, aimed.get(operation))
        got = answer["payload"]["code"] if answer["type"] == "error" else YES
        assert got == expected, operation
    assert (await connection.ask("ping"))["type"] == "pong"
    await connection.socket.disconnect()
    assert not await on_thread(world.notification.states.exists), "what is Ann's is still unread"


@pytest.mark.parametrize("name", CALLERS)
async def test_a_stream_of_another_person_company_or_role_does_not_exist(name: str) -> None:
    world = await on_thread(World)
    own = own_streams(world, name)
    names = {"ann": world.ann.pk, "session": world.session.pk, "formula": world.private.pk}
    others = [stream for stream in every_stream(world) if stream not in own]
    connection = await caller(world, name)
    unknown = await connection.ask("notifications.subscribe", {"streams": {"nobody": {"epoch": "x", "seq": 0}}})
    for stream in [*others, *NO_STREAMS, *(one.format(**names) for one in SPELT)]:
        positions = {stream: {"epoch": "x", "seq": 0}}
        for asked in (positions, {**positions, "all": {"epoch": "x", "seq": 0}}):
            answer = await connection.ask("notifications.subscribe", {"streams": asked})
            told = answer["payload"]["errors"].pop("streams")
            assert (answer["type"], answer["payload"]["code"], len(told)) == ("error", "forbidden", 1), stream
            assert told[0].removeprefix(stream) == " is not addressed to you"
    assert unknown["payload"]["code"] == "forbidden", "as one that nobody has"
    assert connection.pushed == []
    await connection.socket.disconnect()


def announce(world: World) -> None:
    """Something happens to everybody, and to Ann what only she may hear of; the last of all is for all."""
    for stream in every_stream(world):
        if stream != "all":
            notifications.create_notification(stream_name=stream, type="info", title=stream, message="")
    signal = world.signal
    event = SignalRaised(
        signal_id=signal.pk, deployment_id=world.deployment.pk, formula_id=world.private.pk, formula_name="annsown",
        instrument_id=world.instrument.pk, symbol="ACME", resolution="1D", side="buy", price=Decimal(10),
        bar_time=signal.bar_time, closed_at=signal.closed_at,
    )  # fmt: skip
    publish(event)
    add_position(user=world.ann, instrument=world.instrument, quantity=Decimal(1), price=Decimal(2))
    jobs.cancel(job=world.job)


async def test_of_what_happens_everybody_hears_their_own_and_nothing_else() -> None:
    world = await on_thread(world_with_streams)
    callers = {name: await caller(world, name) for name in STREAMS}
    stranger = await caller(world, STRANGER)
    for name, connection in callers.items():
        for operation in ("notifications.subscribe", "portfolio.subscribe", "jobs.subscribe"):
            assert (await connection.ask(operation))["type"] != "error", (name, operation)
        # Asked for by its number and as part of all.
        for payload in ({"formula_ids": [world.private.pk, world.public.pk]}, {}):
            assert (await connection.ask("signals.subscribe", payload))["type"] != "error", name
    await on_thread(announce, world)
    ann = callers["ann"]
    wanted = own_streams(world, "ann") - {"all"}
    while not (wanted <= titles(ann) and all(ann.heard(kind) for kind in ("signal.created", "job.progress"))):
        ann.pushed.append(await ann.until(lambda message: True))
    await on_thread(notifications.create_notification, stream_name="all", type="info", title="all", message="")
    for name, connection in callers.items():
        while not own_streams(world, name) <= titles(connection):
            connection.pushed.append(await connection.until(lambda message: True))
        assert (await connection.ask("ping"))["type"] == "pong"
        others = set(every_stream(world)) - own_streams(world, name)
        assert not titles(connection) & others, name
        if name != "ann":
            assert not connection.heard("position.updated") + connection.heard("job.progress"), name
            assert bool(connection.heard("signal.created")) == (name in RUN_THE_SYSTEM), name
        await connection.socket.disconnect()
    assert ann.heard("position.updated")
    assert (await stranger.ask("ping"))["type"] == "pong"
    assert stranger.pushed == []
    await stranger.socket.disconnect()


def titles(connection: Conversation) -> set[str]:
    return {message["payload"]["title"] for message in connection.heard("notification")}


@pytest.mark.parametrize("name", CALLERS)
async def test_nobody_not_even_an_administrator_opens_the_path_of_another(name: str) -> None:
    world = await on_thread(World)
    connection = await caller(world, name, f"/notifications/ws/{world.ann.pk}")
    assert await connection.close_code() == 4403
    assert connection.pushed == []


async def test_nobody_becomes_another_on_an_open_socket() -> None:
    """Else what was subscribed as one person would go on to the other."""
    world = await on_thread(World)
    connection = await caller(world, "ann")
    await connection.ask("notifications.subscribe")
    for name in ("ben", "admin"):
        answer = await connection.ask("auth", {"token": await on_thread(world.token, name)})
        assert (answer["type"], answer["payload"]["code"]) == ("error", "refused")
    answer = await connection.ask("auth", {"token": await on_thread(world.token, "ann")})
    assert answer["payload"]["user_id"] == world.ann.pk
    assert connection.heard("notification") == []
    await connection.socket.disconnect()
