"""Django's settings, read from one typed environment: backends are chosen by URLs alone."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import dj_database_url

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
    "django.middleware.security.SecurityMiddleware",
    "kernel.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "kernel.middleware.ApiPathMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
            conn_health_checks=True,
        )
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
    # A file, not memory: the suite has threads and server processes that must see the same tables.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}

if ENV.redis_url:
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": ENV.redis_url,
            "KEY_PREFIX": ENV.redis_namespace,
        }
    }
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [ENV.redis_url], "prefix": ENV.redis_namespace},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {
        # The layer drops what exceeds its capacity without a word; the default of 100 is far too small.
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}}
    }

STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA_DIR / "files"), "base_url": None},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if ENV.s3_bucket:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": ENV.s3_bucket,
            "access_key": ENV.aws_access_key_id or None,
            "secret_key": ENV.aws_secret_access_key or None,
            "endpoint_url": ENV.aws_s3_endpoint_url or None,
            "addressing_style": "path" if ENV.aws_s3_endpoint_url else "auto",
            "signature_version": "s3v4",
            "default_acl": None,
            "file_overwrite": False,
            "querystring_expire": 60,
        },
    }

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

# Web.

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.SessionTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["kernel.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["kernel.api.renderers.FastJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "kernel.api.renderers.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": "kernel.api.pagination.PageNumbers",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
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
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "kernel.api.schema.add_problem",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobStatus": "kernel.models.JobStatus",
        "DeploymentStatus": "formulas.models.DeploymentStatus",
        "Side": "formulas.models.Side",
        "Outcome": ["ok", "error"],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
# What one answer may carry and one page may ask for; kernel.api reads these.
REQUEST_BODY_LIMIT = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_BODY_LIMIT
CORS_ALLOWED_ORIGINS = [*ENV.cors_allowed_origins]
CORS_ALLOW_CREDENTIALS = False
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
UNFOLD = {"SITE_TITLE": "Signalbox", "SITE_HEADER": "Signalbox", "SITE_SYMBOL": "train"}

# Product.

DATAFEED_PUBLIC = ENV.datafeed_public
WS_TOKEN_IN_URL = ENV.token_in_url_allowed
REPLAY_INTERVAL = ENV.replay_interval
BAR_BROADCASTER_ENABLED = ENV.bar_broadcaster_enabled
BAR_BROADCASTER_INTERVAL = ENV.bar_broadcaster_interval
BAR_BROADCASTER_SYMBOLS = ENV.bar_broadcaster_symbols
BAR_BROADCASTER_RESOLUTIONS = ENV.bar_broadcaster_resolutions

# Language, time, log.

VERSION = __version__
LANGUAGE_CODE = "en"
USE_I18N = False
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
    },
}
if ENV.log_file:
    LOGGING["handlers"]["file"] = {
        "class": "logging.handlers.WatchedFileHandler",
        "filename": str(ENV.log_file),
        "formatter": "json",
    }
    LOGGING["root"]["handlers"].append("file")
