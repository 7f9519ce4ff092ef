"""Accounts at providers: what they are told is kept sealed, and what they are for is followed."""

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from datafeed.models import Gap, Instrument, ProviderAccount, Series
from datafeed.providers import account_choices, find_provider
from datafeed.providers.base import Listing, ProviderFailed, SeriesKey
from datafeed.providers.kite import KiteProvider
from datafeed.selectors.health import feed_health
from datafeed.selectors.providers import account_values, active_providers, provider_of
from datafeed.services import fill_gap, follow_symbol, remove_account, save_account
from datafeed.sessions import Hours
from datafeed.tests.vendors.kite import INFY, KiteServer
from kernel.errors import Invalid
from kernel.models import AuditEntry
from kernel.rotation import sealed_columns

VALUES = {"api_key": "key", "access_token": "fresh"}


@pytest.fixture
def account(db: None) -> ProviderAccount:
    return save_account(kind="kite", values=VALUES)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[KiteServer]:
    server = KiteServer()
    monkeypatch.setattr(KiteProvider, "rest_url", server.url)
    yield server
    server.close()


def test_values_are_sealed_for_their_row_and_move_with_the_keys(account: ProviderAccount) -> None:
    other = save_account(kind="kite", values=VALUES, name="second")
    assert b"fresh" not in bytes(account.sealed)
    assert account_values(account) == VALUES
    ProviderAccount.objects.filter(pk=other.pk).update(sealed=bytes(account.sealed))
    other.refresh_from_db()
    assert account_values(other) == {}
    assert "datafeed.ProviderAccount.sealed" in map(str, sealed_columns())


def test_no_secret_is_in_the_trail_or_in_what_a_provider_says_of_itself(account: ProviderAccount) -> None:
    save_account(account=account, values={"access_token": "another"})
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.target, entry.detail) == (
        "provider.changed",
        "provider:kite",
        {"fields": ["access_token"]},
    )
    provider = provider_of("kite")
    assert isinstance(provider, KiteProvider)
    assert "another" not in repr(provider.setup)
    assert account_values(account)["api_key"] == "key"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"api_key": "key"}, "access_token"),
        ({**VALUES, "mode": "all"}, "mode"),
        ({**VALUES, "api_key": "a b"}, "api_key"),
    ],
)
def test_what_is_missing_or_wrong_is_named(db: None, values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        save_account(kind="kite", values=values)
    assert list(refusal.value.errors or {}) == [field]
    assert not ProviderAccount.objects.exists()


@pytest.mark.parametrize("kind", ["replay", "nobody"])
def test_what_needs_no_account_has_none(db: None, kind: str) -> None:
    with pytest.raises(Invalid):
        save_account(kind=kind, values={})
    assert kind not in dict(account_choices())


def test_an_account_that_is_off_or_incomplete_is_not_used(account: ProviderAccount) -> None:
    assert "kite" in [provider.key for provider in active_providers()]
    save_account(account=account, values={}, is_enabled=False)
    assert provider_of("kite") is None
    save_account(kind="alpaca", values={})
    assert {provider.key for provider in active_providers()} == {"replay", "synthetic"}


def test_accounts_of_one_kind_are_told_apart_by_their_name(db: None) -> None:
    for name in ("kraken", "binance"):
        save_account(kind="ccxt", values={}, name=name)
    found = [provider_of(f"ccxt:{name}") for name in ("kraken", "binance")]
    assert [getattr(provider, "exchange_id", None) for provider in found] == ["kraken", "binance"]
    assert provider_of("ccxt") is None
    assert find_provider("ccxt:kraken") is find_provider("ccxt:kraken")
    assert find_provider("replay:second") is None


def test_an_instrument_is_followed_as_its_vendor_describes_it(account: ProviderAccount, vendor: KiteServer) -> None:
    series = follow_symbol(provider="kite", vendor_symbol="NSE:INFY", resolution="1")
    instrument = series.instrument
    assert (series.vendor_symbol, series.provider) == (str(INFY), "kite")
    assert (instrument.symbol, instrument.name, instrument.exchange, instrument.currency) == (
        "INFY",
        "INFOSYS",
        "NSE",
        "INR",
    )
    assert (instrument.session, instrument.timezone) == ("0915-1530", "Asia/Kolkata")
    provider = provider_of("kite")
    assert isinstance(provider, KiteProvider)
    listing = Listing(str(INFY), Hours("0915-1530", "Asia/Kolkata", "india"))
    assert provider.setup.listings == {SeriesKey("INFY", "1"): listing}


@pytest.mark.parametrize(
    ("provider", "resolution", "field"),
    [("kite", "7", "resolution"), ("kite", "?", "resolution"), ("replay", "1D", "provider")],
)
def test_what_cannot_be_followed_is_named(
    account: ProviderAccount, vendor: KiteServer, provider: str, resolution: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        follow_symbol(provider=provider, vendor_symbol="NSE:INFY", resolution=resolution)
    assert list(refusal.value.errors or {}) == [field]


def test_a_symbol_that_its_vendor_does_not_know_makes_nothing(account: ProviderAccount, vendor: KiteServer) -> None:
    with pytest.raises(ProviderFailed):
        follow_symbol(provider="kite", vendor_symbol="NSE:NOPE", resolution="1")
    assert not Instrument.objects.exists()


def test_removing_an_account_leaves_its_series_where_they_are(account: ProviderAccount, vendor: KiteServer) -> None:
    series = follow_symbol(provider="kite", vendor_symbol="NSE:INFY", resolution="1")
    remove_account(account=account)
    assert provider_of("kite") is None
    assert Series.objects.filter(pk=series.pk).exists()
    gap = Gap.objects.create(series=series, since=0, until=60)
    assert not fill_gap(gap=gap)


def test_health_lists_the_accounts_that_are_used(account: ProviderAccount) -> None:
    entries = {one["key"]: one for one in feed_health()["providers"]}
    assert entries["kite"]["label"] == "Kite Connect"
    assert (entries["kite"]["restarts"], entries["kite"]["put_aside"]) == (0, 0)


def test_the_panel_makes_an_account_asks_what_it_must_know_and_never_shows_a_secret(panel: Client) -> None:
    answer = panel.post("/admin/datafeed/provideraccount/add/", {"kind": "kite", "name": "", "is_enabled": "on"})
    assert answer.status_code == 302
    account = ProviderAccount.objects.get()
    page = f"/admin/datafeed/provideraccount/{account.pk}/change/"
    assert b"value_access_token" in panel.get(page).content
    told = {"is_enabled": "on", "value_api_key": "key", "value_mode": ""}
    missing = panel.post(page, told)
    assert missing.status_code == 200
    assert b"This field is required" in missing.content
    assert panel.post(page, {**told, "value_access_token": "fresh-and-secret"}).status_code == 302
    assert b"fresh-and-secret" not in panel.get(page).content
    assert panel.post(page, {**told, "value_mode": "quote"}).status_code == 302
    account.refresh_from_db()
    assert account_values(account) == {"api_key": "key", "access_token": "fresh-and-secret", "mode": "quote"}
    listed = panel.get("/admin/datafeed/provideraccount/")
    assert b"Kite Connect" in listed.content
    assert b"fresh-and-secret" not in listed.content


def test_the_panel_removes_an_account(panel: Client, account: ProviderAccount) -> None:
    page = f"/admin/datafeed/provideraccount/{account.pk}/delete/"
    assert panel.post(page, {"post": "yes"}).status_code == 302
    assert not ProviderAccount.objects.exists()
    assert AuditEntry.objects.filter(action="provider.removed").exists()


def test_the_command_follows_a_symbol_or_says_why_not(
    account: ProviderAccount, vendor: KiteServer, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("follow_symbol", "kite", "NSE:INFY")
    assert capsys.readouterr().out == "INFY 1 (kite) is followed.\n"
    for arguments, reason in {
        ("kite", "NSE:NOPE"): "knows no instrument",
        ("kite", "NSE:INFY", "7"): "Kite Connect gives",
        ("nobody", "NSE:INFY"): "no account",
    }.items():
        with pytest.raises(CommandError, match=reason):
            call_command("follow_symbol", *arguments)
