"""The product's settings with the limits of a benchmark, and one page more: what starts a burst."""

from signalbox.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
CALLS_PER_MINUTE = WRITES_PER_MINUTE = PUBLIC_CALLS_PER_MINUTE = SIGN_IN_CALLS_PER_MINUTE = 10**9
WS_CONNECTIONS_PER_USER = WS_STRANGERS_PER_ADDRESS = 10**9
