"""What the environment may say, and what stops the start with a name."""

import stat
from pathlib import Path
from typing import Any

import pytest

from signalbox.environment import EXIT_CONFIG, Environment, is_loopback, kept_secret, read_environment

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k9" * 20,
    "PUBLIC_BASE_URL": "https://box.example.com",
    "FIELD_KEYS": "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "TRUSTED_PROXIES": "10.0.0.1",
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: Any) -> None:
    monkeypatch.setenv("ENV_FILE", "")
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def start_with(monkeypatch: Any, **variables: str) -> Environment:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_environment()


def test_with_nothing_set_everything_stays_in_one_process(monkeypatch: Any) -> None:
    environment = start_with(monkeypatch)
    assert environment.is_embedded
    assert (environment.host, environment.port) == ("127.0.0.1", 8000)
    assert environment.bar_broadcaster_symbols == ("AAPL", "GOOGL", "MSFT")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "LOUD"),
        ("ENVIRONMENT", "prod"),
        ("DATABASE_URL", "mysql://somewhere/db"),
        ("REDIS_URL", "http://localhost"),
        ("REPLAY_INTERVAL", "0"),
        ("DATAFEED_PUBLIC", "2"),
        ("PUBLIC_BASE_URL", "box.example.com"),
        ("FIELD_KEYS", "nonsense"),
        ("FIELD_KEYS", "a:c2hvcnQ="),
        ("KYC_SCANNER", "other"),
        ("KYC_REQUIRED_FOR", "publish,flying"),
        ("CLAMAV_PORT", "0"),
        ("EMAIL_PROVIDER", "pigeon"),
        ("VAPID_PRIVATE_KEY", "short"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_the_variable(
    monkeypatch: Any, capsys: Any, name: str, value: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        start_with(monkeypatch, **{name: value})
    assert stopped.value.code == EXIT_CONFIG
    said = capsys.readouterr().err
    assert f"{name}:" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("interval", ["often", "0", "-1", "nan", "inf", "1e9", "2,5", "\u0662 s"])
def test_a_broadcaster_whose_variables_cannot_be_read_has_its_defaults_and_says_so(
    monkeypatch: Any, caplog: pytest.LogCaptureFixture, interval: str
) -> None:
    environment = start_with(monkeypatch, BAR_BROADCASTER_INTERVAL=interval, BAR_BROADCASTER_ENABLED="perhaps")
    assert (environment.bar_broadcaster_interval, environment.bar_broadcaster_enabled) == (2.0, True)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [
        "BAR_BROADCASTER_ENABLED: 'perhaps' cannot be read; it is True",
        f"BAR_BROADCASTER_INTERVAL: {interval!r} cannot be read; it is 2.0",
    ]


def test_a_broadcaster_does_as_it_is_told(monkeypatch: Any, caplog: pytest.LogCaptureFixture) -> None:
    told = {"INTERVAL": "1.5", "ENABLED": "no", "SYMBOLS": " AAPL, ,TSLA", "RESOLUTIONS": "1, 5,D"}
    environment = start_with(monkeypatch, **{f"BAR_BROADCASTER_{name}": value for name, value in told.items()})
    assert (environment.bar_broadcaster_interval, environment.bar_broadcaster_enabled) == (1.5, False)
    assert environment.bar_broadcaster_symbols == ("AAPL", "TSLA")
    assert environment.bar_broadcaster_resolutions == ("1", "5", "D")
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "your-secret-key-here"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "x" * 64),
        ("SECRET_KEY", "django-insecure-" + "7Qx" * 20),
        ("SECRET_KEY", "-" * 40 + "changeme"),
        ("FIELD_KEYS", "one:" + "A" * 43 + "="),
        ("DEBUG", "1"),
        ("FIELD_KEYS", ""),
        ("PUBLIC_BASE_URL", ""),
        ("PUBLIC_BASE_URL", "http://box.example.com"),
        ("TRUSTED_PROXIES", ""),
    ],
)
def test_production_refuses_what_is_not_safe(monkeypatch: Any, capsys: Any, name: str, value: str) -> None:
    start_with(monkeypatch, **PRODUCTION)
    with pytest.raises(SystemExit):
        start_with(monkeypatch, **{name: value})
    assert name in capsys.readouterr().err


def test_the_long_way_to_write_a_database(monkeypatch: Any) -> None:
    long = {"DB_HOST": "db", "DB_NAME": "trading_db", "DB_USER": "trading user", "DB_PASSWORD": "p@ss/word"}
    environment = start_with(monkeypatch, **long)
    assert environment.database_url == "postgresql://trading%20user:p%40ss%2Fword@db:5432/trading_db"
    assert not environment.is_embedded
    assert start_with(monkeypatch, DATABASE_URL="postgresql://other/x").database_url == "postgresql://other/x"


def test_a_file_of_settings_is_read_and_the_real_environment_wins(monkeypatch: Any, tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("PORT=8100\nLOG_LEVEL=debug\nSOMETHING_ELSE=1\n")
    environment = start_with(monkeypatch, ENV_FILE=str(file), PORT="8200")
    assert (environment.port, environment.log_level) == (8200, "DEBUG")


def test_tokens_in_urls_are_for_old_clients_and_never_for_production(monkeypatch: Any) -> None:
    assert start_with(monkeypatch).token_in_url_allowed
    assert not start_with(monkeypatch, **PRODUCTION).token_in_url_allowed
    assert start_with(monkeypatch, WS_TOKEN_IN_URL="true").token_in_url_allowed


def test_a_secret_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path, "secret_key")
    assert len(secret) >= 32
    assert kept_secret(tmp_path, "secret_key") == secret
    file = tmp_path / "secrets" / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "127.0.0.1,proxy.example"),
        ("DEFAULT_FROM_EMAIL", "Signalbox"),
        ("EMAIL_PORT", "0"),
        ("AUDIT_RETENTION_DAYS", "29"),
    ],
)
def test_a_proxy_a_sender_or_a_retention_that_cannot_be_stops_the_start_by_name(
    monkeypatch: Any, capsys: Any, name: str, value: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        start_with(monkeypatch, **{name: value})
    assert stopped.value.code == EXIT_CONFIG
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.example.com", ""])
def test_debug_pages_are_never_served_to_other_machines(monkeypatch: Any, capsys: Any, host: str) -> None:
    for name in ("127.0.0.1", "::1", "localhost"):
        assert start_with(monkeypatch, DEBUG="1", HOST=name).debug
    if host:
        with pytest.raises(SystemExit) as stopped:
            start_with(monkeypatch, DEBUG="1", HOST=host)
        assert stopped.value.code == EXIT_CONFIG
        assert "DEBUG" in capsys.readouterr().err
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, "http://localhost:9000"),
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"PUBLIC_BASE_URL": "https://box.example.com/"}, "https://box.example.com"),
    ],
)
def test_links_begin_with_the_public_address_or_where_the_server_listens(
    monkeypatch: Any, variables: dict[str, str], url: str
) -> None:
    assert start_with(monkeypatch, **variables).base_url == url
