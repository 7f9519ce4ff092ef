"""Django's settings, read from one typed environment: backends are chosen by URLs alone."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from corsheaders.defaults import default_headers

from datafeed.resolutions import canonical
from signalbox import __version__
from signalbox.environment import BASE_DIR, kept_secret, read_environment

ENV = read_environment()
DATA_DIR = ENV.data_dir.resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key or kept_secret(DATA_DIR, "secret_key")
ALLOWED_HOSTS = [*ENV.allowed_hosts] or ["*" if ENV.debug else "localhost", "127.0.0.1", "[::1]", ENV.host]
if ENV.public_base_url:
    ALLOWED_HOSTS.append(ENV.public_base_url.split("//", 1)[1].split("/", 1)[0].rsplit(":", 1)[0])

INSTALLED_APPS = [
    "signalbox.apps.SignalboxConfig",
    "daphne",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "channels",
    "rest_framework",
    "django_filters",
    "signalbox.apps.BareAllauthConfig",
    "allauth.mfa",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "kernel",
    "accounts",
    "datafeed",
    "formulas",
    "portfolio",
    "notifications",
    "control",
]

MIDDLEWARE = [
    "kernel.middleware.RequestIdMiddleware",
    "kernel.middleware.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "kernel.middleware.ContentSecurityPolicyMiddleware",
    "kernel.middleware.StaticFilesMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "datafeed.middleware.ClassicErrorsMiddleware",
    "kernel.middleware.ApiPathMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "kernel.middleware.RefusalAuditMiddleware",
]

ROOT_URLCONF = "signalbox.urls"
ASGI_APPLICATION = "signalbox.asgi.application"
APPEND_SLASH = False  # `/x` and `/x/` both answer without a redirect: see kernel.middleware
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Stores.

_SQLITE_OPTIONS = {
    # IMMEDIATE takes the write lock at once: a transaction that reads before it writes cannot deadlock.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL, not NORMAL: a committed signal must survive a power cut.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
}
DATABASES: dict[str, dict[str, Any]] = {
    "default": dict(
        dj_database_url.parse(
            ENV.database_url or f"sqlite:///{DATA_DIR / 'signalbox.sqlite3'}",
            # Connections belong to threads that live as long as the process; each is checked before its next request.
            conn_max_age=None,
            conn_health_checks=True,
        )
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
    # A file, not memory: the suite has threads and server processes that must see the same tables.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}

# Whoever needs Redis waits no longer than this for it.
_REDIS_PATIENCE = {"socket_timeout": 1, "socket_connect_timeout": 1}
if ENV.redis_url:
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": ENV.redis_url,
            "KEY_PREFIX": ENV.redis_namespace,
            "OPTIONS": _REDIS_PATIENCE,
        }
    }
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "kernel.realtime.layer.PatientLayer",
            "CONFIG": {"hosts": [{"address": ENV.redis_url, **_REDIS_PATIENCE}], "prefix": ENV.redis_namespace},
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # Beyond its 300 by default it drops counters and tickets that still matter.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            # The layer drops what exceeds its capacity without a word, and forgets its groups after a day.
            "CONFIG": {"capacity": 100_000, "group_expiry": 10**9},
        }
    }

STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(DATA_DIR / "files"),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if ENV.s3_bucket:
    from signalbox.stores import s3_store  # loads boto3, which takes a third of a second

    STORAGES["default"] = s3_store(ENV)

# What is encrypted in the database and in files, apart from SECRET_KEY, so that either can change alone.
FIELD_KEYS = ENV.field_keys or f"local:{kept_secret(DATA_DIR, 'field_key', 32)}"

# Tasks.

CELERY_BROKER_URL = ENV.redis_url
JOBS_RUN_BY_CELERY = bool(ENV.redis_url)

# People.

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailOrUsernameBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ALGORITHM": "HS256",
    # A key of its own, so that a leaked token key does not open sessions and signed links as well.
    "SIGNING_KEY": hmac.new(SECRET_KEY.encode(), b"signalbox.jwt", hashlib.sha256).hexdigest(),
    "ISSUER": "signalbox",
    "AUDIENCE": "signalbox",
    "LEEWAY": 5,
    "CHECK_REVOKE_TOKEN": True,
    "UPDATE_LAST_LOGIN": False,
    "AUTH_HEADER_TYPES": ("Bearer",),
}

# Second factors: allauth's tables and algorithms behind doors of our own.
MFA_ADAPTER = "accounts.factors.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Signalbox"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s by which a phone's clock may differ
MFA_REQUIRED_FOR_STAFF = ENV.mfa_required_for_staff
# The host that passkeys are bound to: never the one a request names.
PASSKEY_HOST = urlsplit(ENV.public_base_url).hostname or "localhost"

# The lock-out: accounts.throttling counts, in axes' table.
AXES_HANDLER = "accounts.throttling.CountedByAttempts"
AXES_ENABLE_ADMIN = False  # accounts.admin shows the table
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = [
    "axes.W002",  # no middleware and
    "axes.W003",  # no backend of axes: see accounts.throttling
    "drf_spectacular.W001",  # the API is mounted three times; its document is made and checked from one mount
]

# Mail, where there is a host for it. Jobs send it, so that no request waits.
EMAIL_HOST, EMAIL_PORT = ENV.email_host, ENV.email_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.email_host_user, ENV.email_host_password
EMAIL_USE_SSL = ENV.email_use_ssl
EMAIL_USE_TLS = ENV.email_use_tls and not ENV.email_use_ssl
EMAIL_TIMEOUT = 10
EMAIL_PROVIDER = ENV.email_provider
ANYMAIL: dict[str, Any] = {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT}
if EMAIL_PROVIDER:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend"
    key_name = "SERVER_TOKEN" if EMAIL_PROVIDER == "postmark" else "API_KEY"
    ANYMAIL[f"{EMAIL_PROVIDER.upper()}_{key_name}"] = ENV.email_api_key
DEFAULT_FROM_EMAIL = ENV.default_from_email or f"Signalbox <signalbox@{urlsplit(ENV.base_url).hostname}>"
PUBLIC_BASE_URL = ENV.base_url

# What notifications are sent to. A random 32-byte text is a key of the curve that browsers' push services ask for.
VAPID_PRIVATE_KEY = ENV.vapid_private_key or kept_secret(DATA_DIR, "vapid_key", 32)
OUTGOING_PRIVATE_HOSTS = frozenset(host.lower() for host in ENV.outgoing_private_hosts)

AUDIT_RETENTION_DAYS = ENV.audit_retention_days

# Web.

TRUSTED_PROXIES = ENV.trusted_proxies
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.SessionTokenAuthentication",
        "accounts.authentication.ApiKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["kernel.api.throttles.CallThrottle"],
    "DEFAULT_PARSER_CLASSES": ["kernel.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["kernel.api.renderers.FastJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "kernel.api.renderers.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": "kernel.api.pagination.PageNumbers",
    "DEFAULT_FILTER_BACKENDS": ["kernel.api.filters.Filters"],
    # The OpenAPI document describes each operation; what OPTIONS would tell beside it is not kept up to date.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "kernel.api.schema.ProblemAwareSchema",
    "EXCEPTION_HANDLER": "kernel.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Signalbox",
    "DESCRIPTION": "Formulas, live signals, notifications and market data over REST.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [
        f"rest_framework.permissions.{'AllowAny' if ENV.api_docs == 'public' else 'IsAuthenticated'}"
    ],
    # A browser that opens the pages brings the session of the control panel, a program its token.
    "SERVE_AUTHENTICATION": []
    if ENV.api_docs == "public"
    else [
        "accounts.authentication.SessionTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "kernel.api.schema.add_problem",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobStatus": "kernel.models.JobStatus",
        "IdentityStatus": "accounts.models.people.KycStatus",
        "DeploymentStatus": "formulas.models.DeploymentStatus",
        "Side": "formulas.models.Side",
        "SweepKind": "formulas.models.SweepKind",
        "KindEnum": "notifications.channels.kind_choices",
        "ChannelStatus": "notifications.models.ChannelStatus",
        "Priority": "notifications.models.Priority",
        "Outcome": ["ok", "error"],
        "Role": "accounts.models.Role",
        "MemberRole": [("user", "User"), ("company_admin", "Company Admin")],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/signalbox/favicon.svg",
    "REDOC_DIST": "SIDECAR",
}
CALLS_PER_MINUTE = ENV.calls_per_minute
WRITES_PER_MINUTE = ENV.writes_per_minute
PUBLIC_CALLS_PER_MINUTE = ENV.public_calls_per_minute
SIGN_IN_CALLS_PER_MINUTE = ENV.sign_in_calls_per_minute
BROADCASTS_PER_MINUTE = ENV.broadcasts_per_minute
FORMULA_NOTIFICATIONS_PER_MINUTE = ENV.formula_notifications_per_minute
NOTIFICATION_RETENTION_DAYS = ENV.notification_retention_days
# What one answer may carry and one page may ask for; kernel.api reads these.
REQUEST_BODY_LIMIT = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_BODY_LIMIT
# What the server itself takes in of a request: signalbox.bodies reads these.
ADDRESS_LIMIT = 8 * 1024  # bytes of path and query
HEADER_LIMIT, HEADER_BYTES_LIMIT = 100, 16 * 1024
HEADER_SECONDS, BODY_SECONDS, IDLE_SECONDS = ENV.header_seconds, ENV.body_seconds, ENV.idle_seconds
# What JSON may hold: kernel.api.parsers reads these.
JSON_DEPTH_LIMIT, JSON_KEYS_LIMIT, JSON_TEXT_LIMIT = 32, 1_000, 10_000
CORS_ALLOWED_ORIGINS = [*ENV.cors_allowed_origins]
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-match", "x-request-id"]
CORS_EXPOSE_HEADERS = ["ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-ID"]
CONTENT_SECURITY_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
# The control panel and the API documents bring scripts that build functions from text and inline styles.
CONTENT_SECURITY_POLICY_TOOLS = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
if ENV.is_production:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    CSRF_TRUSTED_ORIGINS = [ENV.public_base_url.rstrip("/")]

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "web" / "static"]
WHITENOISE_USE_FINDERS = True  # no collecting step: what is installed is what is served
WHITENOISE_AUTOREFRESH = DEBUG
UNFOLD = {
    "SITE_TITLE": "Signalbox",
    "SITE_HEADER": "Signalbox",
    "SITE_ICON": "/static/signalbox/favicon.svg",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/signalbox/favicon.svg"}],
    "SITE_SUBHEADER": "Control panel, times in UTC",
    "LOGIN": {"form": "accounts.forms.LoginForm"},
    "DASHBOARD_CALLBACK": "control.admin.dashboard.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": "control.admin.navigation.navigation"},
    "BORDER_RADIUS": "8px",
    # The web page's green, from a wash to nearly black.
    "COLORS": {
        "primary": {
            "50": "#eef7f4",
            "100": "#e0f2ed",
            "200": "#bfe3d9",
            "300": "#8ccfbe",
            "400": "#56cbb0",
            "500": "#2f9f88",
            "600": "#0f6a5b",
            "700": "#0b5347",
            "800": "#0a4339",
            "900": "#08352e",
            "950": "#041f1b",
        }
    },
}

# Product.

KYC_SCANNER = ENV.kyc_scanner
CLAMAV_HOST, CLAMAV_PORT = ENV.clamav_host, ENV.clamav_port
CLAMAV_TIMEOUT = 20.0  # seconds for each step of a scan
KYC_TWO_EYES = ENV.kyc_two_eyes
KYC_REQUIRED_FOR = frozenset(ENV.kyc_required_for)
KYC_MOST_FILES = 5
KYC_FILE_LIMIT = 10 * 1024 * 1024
KYC_QUOTA = 200 * 1024 * 1024  # of everything one person has handed in and not had erased

PUBLISH_PERFORMANCE = ENV.publish_performance
DATAFEED_PUBLIC = ENV.datafeed_public
BARS_HELD_MEGABYTES = ENV.bars_held_megabytes
BARS_IMPORT_LIMIT = ENV.bars_import_megabytes * 1024 * 1024  # of a file of bars that is handed in
# Days by resolution; a resolution that is not named is kept for ever.
BARS_KEPT = {canonical(resolution): int(days) for resolution, _, days in (w.partition(":") for w in ENV.bars_kept_days)}
HTTP_THREADS = 8
WS_TOKEN_IN_URL = ENV.token_in_url_allowed
# Of one person, and of all who have not said who they are at one address; subscriptions are those of a connection.
WS_CONNECTIONS_PER_USER, WS_STRANGERS_PER_ADDRESS, WS_SUBSCRIPTIONS = 20, 50, 500
REPLAY_INTERVAL = ENV.replay_interval
BAR_BROADCASTER_ENABLED = ENV.bar_broadcaster_enabled
BAR_BROADCASTER_INTERVAL = ENV.bar_broadcaster_interval
BAR_BROADCASTER_SYMBOLS = ENV.bar_broadcaster_symbols
BAR_BROADCASTER_RESOLUTIONS = ENV.bar_broadcaster_resolutions

# Language, time, log.

VERSION = __version__
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = ["signalbox.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "kernel.logs.LineFormatter"}, "json": {"()": "kernel.logs.JsonFormatter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if ENV.is_production else "line",
        },
    },
    "root": {"handlers": ["console"], "level": ENV.log_level},
    "loggers": {
        "daphne": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        # What they say in detail holds the addresses and keys of people's channels.
        "apprise": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "websockets": {"level": "WARNING"},  # its details hold the addresses of streams, and those hold tokens
    },
}
if ENV.log_file:
    LOGGING["handlers"]["file"] = {
        "class": "logging.handlers.WatchedFileHandler",
        "filename": str(ENV.log_file),
        "formatter": "json",
    }
    LOGGING["root"]["handlers"].append("file")
