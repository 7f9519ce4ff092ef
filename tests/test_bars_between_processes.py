"""Bars held in memory are those of the store, whichever process wrote them."""

from collections.abc import Iterator

import httpx
import pytest

from tests.server import LiveServer

PAGE = "/udf/history?symbol=HELD&resolution=1D&to=4000000000&countback=5"
MARKET = """
from datafeed.models import Instrument
Instrument.objects.create(symbol="HELD", name="Held", exchange="TEST", session="24x7", timezone="Etc/UTC")
print(1)
"""
WRITE = """
import io
from datetime import UTC
from datafeed.selectors import find_instrument
from datafeed.services import ensure_import_series, import_bars
series = ensure_import_series(instrument=find_instrument("HELD"), resolution="1D")
lines = ["time,open,high,low,close"] + [f"{{day * 86400}},1,1,1,{{close}}" for day, close in {bars}]
import_bars(series=series, file=io.BytesIO("\\n".join(lines).encode()), zone=UTC)
print(1)
"""
FORGET = """
from datafeed.models import Bar, Series
from datafeed.services.editions import note_rewritten
series = Series.objects.get(instrument__symbol="HELD")
note_rewritten(series_id=series.pk)
Bar.objects.filter(series=series, opened_at__lt=12 * 86400).delete()
print(1)
"""


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, LiveServer]]:
    one = LiveServer(tmp_path_factory.mktemp("held"), REPLAY_INTERVAL="3600", BAR_BROADCASTER_ENABLED="false")
    other = one.beside()
    try:
        one.start()
        yield one, other.start()
    finally:
        other.close()
        one.close()


def test_what_a_third_process_writes_is_in_the_next_answer_of_two_servers(
    servers: tuple[LiveServer, LiveServer],
) -> None:
    def shown() -> list[list[int]]:
        answers = [httpx.get(server.site + PAGE).json() for server in servers for _ in range(2)]
        return [[time // 86_400 for time in answer["t"]] for answer in answers]

    writer = servers[0]
    writer.shell(MARKET)
    writer.shell(WRITE.format(bars=[(10, 1), (11, 1)]))
    assert shown() == [[10, 11]] * 4
    writer.shell(WRITE.format(bars=[(12, 1), (13, 1)]))  # after all others
    assert shown() == [[10, 11, 12, 13]] * 4
    writer.shell(WRITE.format(bars=[(9, 1)]))  # before all others
    assert shown() == [[9, 10, 11, 12, 13]] * 4
    writer.shell(FORGET)
    assert shown() == [[12, 13]] * 4
