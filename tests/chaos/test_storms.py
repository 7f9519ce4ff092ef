"""Everybody comes back at once after a restart: all are served soon, and have what they missed."""

import pytest

from tests.chaos.oracle import check_complete
from tests.chaos.population import tables
from tests.chaos.readers import Crowd, until
from tests.chaos.servers import Site
from tests.chaos.writers import Writers

WITHIN = 10.0
MISSED = 20


@pytest.mark.parametrize(
    "sockets",
    [
        pytest.param(200, id="small", marks=pytest.mark.live),
        pytest.param(1_000, id="large", marks=pytest.mark.chaos),
    ],
)
def test_all_come_back_at_once_and_have_what_they_missed(site: Site, crowd: Crowd, sockets: int) -> None:
    crowd.join(site.readers(sockets), within=60)
    crowd.leave()
    site.server.kill()
    site.server.start()
    with Writers([site.server.site], site.people, 40) as writers:
        until(lambda: len(writers.acknowledged) >= MISSED, 30, "nothing could be written")
    waited = crowd.join(crowd.readers, within=60)
    check_complete(crowd, tables(site.server), writers.acknowledged)
    assert waited < WITHIN
