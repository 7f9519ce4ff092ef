"""PostgreSQL is restarted under load: the server says so meanwhile, and goes on by itself."""

from collections.abc import Callable
from time import sleep

import pytest

from tests.chaos.backends import PrivatePostgres
from tests.chaos.oracle import check_complete
from tests.chaos.population import populate, tables
from tests.chaos.readers import Crowd, until
from tests.chaos.servers import on_backends, readers
from tests.chaos.writers import Writers
from tests.server import LiveServer

WORKS_AGAIN_WITHIN = 5.0


@pytest.mark.parametrize(
    ("sockets", "times"),
    [
        pytest.param(60, 1, id="small", marks=pytest.mark.live),
        pytest.param(300, 3, id="large", marks=pytest.mark.chaos),
    ],
)
def test_a_restart_of_postgresql_is_waited_for(
    make_server: Callable[..., LiveServer], postgres: PrivatePostgres, crowd: Crowd, sockets: int, times: int
) -> None:
    server = make_server(**on_backends(postgres)).start()
    people = populate(server, 20)
    crowd.join(readers(people, sockets, [server.port]), within=60)
    with Writers([server.site], people, 40) as writers:
        for _ in range(times):
            done, refused = len(writers.acknowledged), writers.refused[503]
            until(lambda done=done: len(writers.acknowledged) >= done + 40, 30, "nothing could be written")
            postgres.kill()
            sleep(1.5)
            postgres.start()
            assert writers.refused[503] > refused, "nobody was told"
            done = len(writers.acknowledged)
            until(lambda done=done: len(writers.acknowledged) > done, WORKS_AGAIN_WITHIN, "it does not work again")
    assert not writers.faults, writers.faults[:5]
    assert not any(reader.closes for reader in crowd.readers)
    check_complete(crowd, tables(server), writers.acknowledged)
