"""What the environment may say, typed: a wrong value is refused at start, by name, but for the broadcaster's."""

import logging
import os
import re
import secrets
import sys
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from datafeed.resolutions import LADDER, canonical
from kernel.crypto import parse_keys

logger = logging.getLogger(__name__)

BASE_DIR = Path(__file__).resolve().parents[2]
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h
SAMPLE_SECRETS = frozenset({"secret", "changeme", "your-secret-key-here", "your-secret-key", "password"})
LEAST_SECRET_BYTES = 32
LEAST_KEY_VARIETY = 10  # different bytes among the 32 of a key; random ones never have so few
KYC_PURPOSES = frozenset({"live_trading", "publish"})

Words = Annotated[tuple[str, ...], NoDecode]


class Environment(BaseSettings):
    """Every variable Signalbox reads. Real variables win over the `.env` file in the project's root."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", env_file_encoding="utf-8")

    environment: Literal["development", "test", "staging", "production"] = "development"
    debug: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    data_dir: Path = BASE_DIR / "var"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_file: Path | None = None
    secret_key: str = ""
    public_base_url: str = ""
    allowed_hosts: Words = ()
    cors_allowed_origins: Words = ()
    trusted_proxies: Words = ()
    control_panel: bool = True
    api_docs: Literal["public", "signed_in", "off"] = "public"

    database_url: str = ""
    db_host: str = ""
    db_port: int = Field(default=5432, ge=1, le=65535)
    db_name: str = ""
    db_user: str = ""
    db_password: str = ""
    redis_url: str = ""
    redis_namespace: str = Field(default="signalbox", pattern=r"^[A-Za-z0-9._-]{1,50}$")
    s3_bucket: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = ""
    aws_s3_endpoint_url: str = ""
    field_keys: str = ""

    kyc_scanner: Literal["none", "clamav"] = "none"
    clamav_host: str = "127.0.0.1"
    clamav_port: int = Field(default=3310, ge=1, le=65535)
    kyc_two_eyes: bool = False
    kyc_required_for: Words = ()

    publish_performance: Literal["public", "subscribers", "private"] = "public"

    email_host: str = ""
    email_port: int = Field(default=587, ge=1, le=65535)
    email_host_user: str = ""
    email_host_password: str = ""
    email_use_tls: bool = True
    email_use_ssl: bool = False
    default_from_email: str = ""
    email_provider: Literal["", "brevo", "mailgun", "mandrill", "postmark", "resend", "sendgrid"] = ""
    email_api_key: str = ""

    vapid_private_key: str = ""
    outgoing_private_hosts: Words = ()

    audit_retention_days: int = Field(default=7 * 365, ge=30)
    mfa_required_for_staff: bool = False
    calls_per_minute: int = Field(default=300, ge=1)
    writes_per_minute: int = Field(default=60, ge=1)
    public_calls_per_minute: int = Field(default=1_200, ge=1)
    sign_in_calls_per_minute: int = Field(default=60, ge=1)
    broadcasts_per_minute: int = Field(default=10, ge=1)
    formula_notifications_per_minute: int = Field(default=60, ge=1)
    notification_retention_days: int = Field(default=365, ge=1)
    header_seconds: float = Field(default=10.0, gt=0, le=3_600)
    body_seconds: float = Field(default=60.0, gt=0, le=3_600)
    idle_seconds: float = Field(default=120.0, gt=0, le=3_600)
    demo_password: str = ""
    datafeed_public: bool = True
    bars_held_megabytes: int = Field(default=64, ge=1, le=65_536)
    bars_kept_days: Words = ()
    bars_import_megabytes: int = Field(default=50, ge=1, le=10_240)
    ws_token_in_url: bool | None = None
    replay_interval: float = Field(default=5.0, gt=0, le=86_400)
    bar_broadcaster_enabled: bool = True
    bar_broadcaster_interval: float = Field(default=2.0, gt=0, le=3_600)
    bar_broadcaster_symbols: Words = ("AAPL", "GOOGL", "MSFT")
    bar_broadcaster_resolutions: Words = ("1",)

    @field_validator(
        "allowed_hosts",
        "cors_allowed_origins",
        "trusted_proxies",
        "kyc_required_for",
        "outgoing_private_hosts",
        "bar_broadcaster_symbols",
        "bar_broadcaster_resolutions",
        "bars_kept_days",
        mode="before",
    )
    @classmethod
    def split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def known_networks(cls, value: Words) -> Words:
        for proxy in value:
            try:
                ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError(f"{proxy} is neither an address nor a network such as 10.0.0.0/8") from None
        return value

    @field_validator("bars_kept_days")
    @classmethod
    def known_resolutions(cls, value: Words) -> Words:
        for word in value:
            resolution, _, days = word.partition(":")
            if canonical(resolution) not in LADDER or not re.fullmatch(r"[1-9][0-9]{0,4}", days):
                raise ValueError(f"{word} is not a resolution and a number of days, such as 1:365")
        return value

    @field_validator("bar_broadcaster_enabled", "bar_broadcaster_interval", mode="wrap")
    @classmethod
    def default_where_unreadable(
        cls, value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> object:
        """The broadcaster starts in any case, as those expect who know its variables from the stack before this one."""
        try:
            return handler(value)
        except ValidationError:
            name = str(info.field_name)
            default = cls.model_fields[name].default
            logger.warning("%s: %r cannot be read; it is %s", name.upper(), str(value)[:40], default)
            return default

    @field_validator("log_level", mode="before")
    @classmethod
    def upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url", "redis_url", "public_base_url", "aws_s3_endpoint_url")
    @classmethod
    def known_scheme(cls, value: str, info: object) -> str:
        name = getattr(info, "field_name", "")
        schemes = _SCHEMES[name]
        if value and urlsplit(value).scheme not in schemes:
            raise ValueError(f"must begin with one of {', '.join(f'{s}://' for s in schemes)}")
        return value

    @field_validator("default_from_email")
    @classmethod
    def one_address(cls, value: str) -> str:
        if value and "@" not in parseaddr(value)[1]:
            raise ValueError("must be an address, such as Signalbox <signalbox@example.com>")
        return value

    @field_validator("field_keys")
    @classmethod
    def whole_keys(cls, value: str) -> str:
        if value:
            parse_keys(value)
        return value

    @field_validator("vapid_private_key")
    @classmethod
    def push_key(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
            raise ValueError("must be 32 bytes in base64url, without padding")
        return value

    @field_validator("kyc_required_for")
    @classmethod
    def known_purposes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - KYC_PURPOSES:
            raise ValueError(f"knows {', '.join(sorted(KYC_PURPOSES))}, not {', '.join(sorted(unknown))}")
        return value

    @model_validator(mode="after")
    def one_database(self) -> Self:
        """`DB_*` is the long way to write `DATABASE_URL`, which wins where both are set."""
        if self.db_host and not self.database_url:
            if not self.db_name:
                raise ValueError("DB_NAME is needed beside DB_HOST")
            login = quote(self.db_user, safe="")
            if self.db_password:
                login += ":" + quote(self.db_password, safe="")
            at = f"{login}@" if login else ""
            self.database_url = f"postgresql://{at}{self.db_host}:{self.db_port}/{self.db_name}"
        return self

    @model_validator(mode="after")
    def one_way_to_mail(self) -> Self:
        if bool(self.email_provider) != bool(self.email_api_key):
            raise ValueError("EMAIL_PROVIDER and EMAIL_API_KEY are set together or not at all")
        return self

    @model_validator(mode="after")
    def safe_in_production(self) -> Self:
        if self.environment != "production":
            return self
        secret = self.secret_key
        if len(secret.encode()) < LEAST_SECRET_BYTES or _is_sample(secret):
            raise ValueError(f"SECRET_KEY must be your own, of at least {LEAST_SECRET_BYTES} bytes, in production")
        if self.debug:
            raise ValueError("DEBUG must be off in production")
        if not self.field_keys:
            raise ValueError("FIELD_KEYS must be set in production, and kept apart from the backups")
        if any(len(set(key)) < LEAST_KEY_VARIETY for key in parse_keys(self.field_keys).keys.values()):
            raise ValueError("FIELD_KEYS must be random bytes, not a sample, in production")
        if not self.public_base_url.startswith("https://"):
            raise ValueError("PUBLIC_BASE_URL must be the https:// address of the site in production")
        if not self.trusted_proxies:
            # The server speaks no TLS: a request that nobody vouches for is sent to https://, and comes back the same.
            raise ValueError("TRUSTED_PROXIES must name the proxy that ends TLS in production")
        return self

    @model_validator(mode="after")
    def debug_stays_at_home(self) -> Self:
        """What Django's debug pages show is for nobody on another machine."""
        if self.debug and not is_loopback(self.host):
            raise ValueError("DEBUG must be off where HOST is not an address of this machine alone")
        return self

    @property
    def base_url(self) -> str:
        """Where people find the site: what links in mails begin with, whatever host a request has named."""
        host = "localhost" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104  any address is no name
        return (self.public_base_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}").rstrip("/")

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def is_embedded(self) -> bool:
        """One process on one machine: SQLite and nothing beside it."""
        return not self.database_url and not self.redis_url

    @property
    def token_in_url_allowed(self) -> bool:
        """On in the embedded default, off in production, and as `WS_TOKEN_IN_URL` says where it is set."""
        if self.ws_token_in_url is not None:
            return self.ws_token_in_url
        return not self.is_production


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_sample(secret: str) -> bool:
    text = secret.lower()
    return text.startswith("django-insecure") or text.strip("-_ ") in SAMPLE_SECRETS or len(set(text)) == 1


_SCHEMES: dict[str, tuple[str, ...]] = {
    "database_url": ("postgresql", "postgres", "sqlite"),
    "redis_url": ("redis", "rediss", "unix"),
    "public_base_url": ("http", "https"),
    "aws_s3_endpoint_url": ("http", "https"),
}


def read_environment() -> Environment:
    """The environment as Signalbox understands it; prints each fault by name and exits 78 where it is wrong.

    `ENV_FILE` names another file than `.env`, or none when empty.
    """
    env_file = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
    try:
        return Environment(_env_file=env_file or None)  # type: ignore[call-arg]
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper()
            message = fault["msg"].removeprefix("Value error, ")
            sys.stderr.write(f"Signalbox cannot start: {f'{name}: ' if name else ''}{message}\n")
        raise SystemExit(EXIT_CONFIG) from None


def kept_secret(data_dir: Path, name: str, length: int = 48) -> str:
    """The secret kept in `data_dir/secrets/name`, made at first use and readable by its owner alone."""
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(length))
    return path.read_text(encoding="ascii").strip()
