"""What every provider that asks a vendor must pass beside the common contract, whatever the vendor does to it.

The subclass has the fixtures `vendor`, the server; `provider`, which asks that one; and `garbled`, an answer of the
right shape of whose rows three are good and the rest is nonsense.
"""

from itertools import islice
from typing import NamedTuple

import pytest

from datafeed.bars import RawBar
from datafeed.providers import calls
from datafeed.providers.base import ProviderFailed, SeriesKey, SignInExpired
from datafeed.providers.vendor import Vendor
from datafeed.tests.provider_contract import ProviderContract
from datafeed.tests.vendors.web import DROP, ENDLESS, STALL, Mood, Said, Web

SECRETS = ("secret-of-ours", "fresh", "stale")


class Garbled(NamedTuple):
    """An answer with nonsense in it, and the stamps of the bars in it that are good."""

    answer: Said
    good: list[int]
    nonsense: int


class VendorContract(ProviderContract):
    """Shared tests of vendors: limits, expired keys, lost and slow answers, garbage."""

    history_looked_at = 150

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calls, "FIRST_PAUSE", 0.01)
        monkeypatch.setattr(calls, "LARGEST_ANSWER", 1024 * 1024)
        monkeypatch.setattr(calls.Calls, "_wait_for_turn", lambda self: None)

    def some(self, provider: Vendor) -> list[RawBar]:
        return list(islice(provider.history(provider.series()[0], None), 60))

    def nothing_of_it(self, provider: Vendor) -> bool:
        """Whether it failed in the way it may, or gave no bars."""
        try:
            return not self.some(provider)
        except ProviderFailed:
            return True

    def test_its_series_are_those_of_its_setup(self, provider: Vendor) -> None:
        assert provider.series() == list(provider.setup.listings)
        assert not provider.instruments()

    def test_an_unfinished_bar_is_no_history(self, provider: Vendor) -> None:
        key = provider.series()[0]
        *_, last = provider.history(key, None)
        *_, forming = provider.bars(key, None)
        assert provider.end_of(key, last.opened_at) <= provider.end_of(key, forming.opened_at)
        assert forming.opened_at - last.opened_at <= 120

    def test_where_it_asks_too_often_it_waits_and_asks_again(self, provider: Vendor, vendor: Web) -> None:
        before = self.some(provider)
        vendor.limit(2)
        assert self.some(provider)[:50] == before[:50]
        assert not vendor.moods

    def test_where_it_shall_wait_long_it_says_so_instead(self, provider: Vendor, vendor: Web) -> None:
        self.some(provider)
        vendor.limit(9, retry_after="3600")
        with pytest.raises(ProviderFailed, match="too often") as failure:
            self.some(provider)
        assert not failure.value.is_permanent
        assert (failure.value.retry_after or 0) >= 30

    def test_a_key_that_is_refused_is_told_without_the_key(self, provider: Vendor, vendor: Web) -> None:
        if provider.capabilities.needs_key:
            vars(vendor).update(token="another", secret="another")
            with pytest.raises(SignInExpired) as failure:
                self.some(provider)
            assert failure.value.is_permanent
            assert not any(secret in str(failure.value) for secret in SECRETS)

    def test_an_answer_that_breaks_off_is_asked_for_again(self, provider: Vendor, vendor: Web) -> None:
        before = self.some(provider)
        vendor.moods.append(DROP)
        assert self.some(provider)[:50] == before[:50]

    def test_who_does_not_answer_is_not_waited_for_for_ever(
        self, provider: Vendor, vendor: Web, quick_to_give_up: None
    ) -> None:
        vendor.moods.extend([STALL] * 12)
        with pytest.raises(ProviderFailed) as failure:
            self.some(provider)
        assert not failure.value.is_permanent

    @pytest.mark.parametrize(
        "mood",
        [
            Said(b"<!doctype html><title>Maintenance</title>", headers={"Content-Type": "text/html"}),
            Said(b""),
            Said(b"null"),
            Said(b'"bars"'),
            Said(b"[[[[1]]]]"),
            Said(b'{"data": {"candles": 7}, "bars": 7, "chart": {"result": [7]}, "result": 7, "error": 7}'),
            Said(b"\xff\xfe\x00garbage"),
            Said(b"", 302, {"Location": "http://127.0.0.1:1/elsewhere"}),
            ENDLESS,
        ],
        ids=["page", "nothing", "null", "text", "nested", "numbers", "bytes", "redirect", "endless"],
    )
    def test_an_answer_that_is_none_fails_and_nothing_else_does(
        self, provider: Vendor, vendor: Web, mood: Mood
    ) -> None:
        before = self.some(provider)
        vendor.moods.extend([mood] * calls.TRIES)
        assert self.nothing_of_it(provider)
        vendor.moods.clear()
        assert self.some(provider)[:50] == before[:50]

    def test_of_an_answer_with_nonsense_in_it_the_rest_is_taken(
        self, provider: Vendor, vendor: Web, garbled: Garbled
    ) -> None:
        self.some(provider)
        vendor.moods.append(garbled.answer)
        taken = list(islice(provider.bars(provider.series()[0], None), len(garbled.good)))
        assert [bar.opened_at for bar in taken] == garbled.good
        assert provider.put_aside == garbled.nonsense

    def test_an_instrument_is_described_so_that_it_can_be_followed(self, provider: Vendor) -> None:
        assert provider.capabilities.symbols
        known: SeriesKey = provider.series()[0]
        described = provider.describe(provider.listing(known).vendor_symbol)
        assert described.vendor_symbol == provider.listing(known).vendor_symbol
        assert described.spec.name
        with pytest.raises(ProviderFailed) as failure:
            provider.describe("NO:SUCH")
        assert failure.value.is_permanent
