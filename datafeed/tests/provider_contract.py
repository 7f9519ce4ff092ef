"""What every provider of bars must pass: subclass it, name the provider, and say how to make its time fly."""

import asyncio
from itertools import islice, pairwise

import pytest

from datafeed.providers.base import BarUpdate, Provider
from datafeed.recordable import checked
from datafeed.resolutions import canonical


class ProviderContract:
    """Shared tests of providers. `provider` is a fixture of the subclass; live bars must come within a second."""

    history_looked_at = 500

    def test_every_series_is_of_one_of_its_instruments(self, provider: Provider) -> None:
        symbols = {spec.symbol for spec in provider.instruments()}
        assert provider.series()
        assert not symbols or {key.symbol for key in provider.series()} <= symbols
        assert len(set(provider.series())) == len(provider.series())

    def test_it_says_what_it_is(self, provider: Provider) -> None:
        assert provider.key
        assert provider.label
        assert provider.attribution
        assert provider.standing(dict.fromkeys(provider.series()))

    def test_its_table_of_capabilities_is_true(self, provider: Provider) -> None:
        can = provider.capabilities
        assert {key.resolution for key in provider.series()} <= set(can.resolutions)
        assert all(canonical(resolution) == resolution for resolution in can.resolutions)
        assert can.needs_key == any(field.is_secret for field in provider.fields)
        assert not (can.ticks and not can.live)
        if not can.live:
            with pytest.raises(TypeError):
                provider.live({})

    def test_history_is_consistent_and_ascending(self, provider: Provider) -> None:
        for key in provider.series():
            bars = list(islice(provider.history(key, None), self.history_looked_at))
            assert bars
            assert all(checked(bar, key.resolution) == bar for bar in bars)
            assert all(earlier.opened_at < later.opened_at for earlier, later in pairwise(bars))

    def test_history_goes_on_after_a_position(self, provider: Provider) -> None:
        key = provider.series()[0]
        bars = list(islice(provider.history(key, None), 20))
        again = list(islice(provider.history(key, bars[9].opened_at), 10))
        assert again == bars[10:20]

    async def test_live_bars_form_before_they_close_and_go_on_from_the_store(self, provider: Provider) -> None:
        assert provider.capabilities.live, "a provider of history alone leaves this test out by name"
        key = provider.series()[0]
        newest = list(provider.history(key, None))[-1].opened_at
        updates = await self._live(provider, {**dict.fromkeys(provider.series(), 2**32), key: newest}, key)
        forming = [update.bar for update in updates if not update.is_closed]
        closed = updates[-1].bar
        assert closed.opened_at > newest
        for bar in [bar for bar in forming if bar.opened_at == closed.opened_at]:
            assert checked(bar, key.resolution) == bar
            assert (bar.open, closed.low <= bar.low, bar.high <= closed.high) == (closed.open, True, True)
            assert bar.volume <= closed.volume

    async def _live(self, provider: Provider, positions: dict, key: object) -> list[BarUpdate]:
        """The updates of one series until one has closed after having formed."""
        found: list[BarUpdate] = []
        async with asyncio.timeout(10):
            async for update in provider.live(positions):
                if update.series == key:
                    found.append(update)
                    if update.is_closed and any(_forms(one, update) for one in found):
                        break
        return found


def _forms(earlier: BarUpdate, closed: BarUpdate) -> bool:
    return not earlier.is_closed and earlier.bar.opened_at == closed.bar.opened_at
