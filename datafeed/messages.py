"""What sockets hear of market data, and what they may ask."""

from typing import Any

import msgspec

from datafeed.bars import FormingBar
from kernel.realtime import Answer, Payload, Push, Request

MILLISECONDS = 1_000


class BarPayload(Payload, frozen=True, kw_only=True):
    """A bar; `time` is its stamp in epoch milliseconds."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarsUpdatePayload(Payload, frozen=True, kw_only=True):
    topic: str
    payload: BarPayload


class BarsUpdate(Push, frozen=True, kw_only=True, tag="bars.update"):
    """The newest bar of a topic has changed, has closed, or is the first of the next ones."""

    payload: BarsUpdatePayload


class QuotePayload(Payload, frozen=True, kw_only=True):
    """A quote: `s` is ok or error, `n` the symbol as it was asked for, `v` the values."""

    s: str
    n: str
    v: dict[str, Any]


class QuotesUpdatePayload(Payload, frozen=True, kw_only=True):
    topic: str
    payload: QuotePayload


class QuotesUpdate(Push, frozen=True, kw_only=True, tag="quotes.update"):
    """A subscribed quote has changed."""

    payload: QuotesUpdatePayload


class BarsParameters(Payload, frozen=True, kw_only=True):
    resolution: str = "1"


class BarsRequest(Request, frozen=True, kw_only=True):
    """A symbol and a resolution, given beside it or inside `params`; one minute where unsaid."""

    symbol: str
    resolution: str | None = None
    params: BarsParameters | None = None

    @property
    def wanted_resolution(self) -> str:
        return self.resolution or (self.params.resolution if self.params else "1")


class QuotesRequest(Request, frozen=True, kw_only=True):
    symbols: list[str] = []
    fast_symbols: list[str] = []


class TopicAnswer(Answer, frozen=True, kw_only=True):
    """The topic that updates name."""

    topic: str


class TopicsAnswer(Answer, frozen=True, kw_only=True):
    """The topics that updates name, one for each symbol."""

    topics: list[str]


def bars_topic(symbol: str, resolution: str) -> str:
    """The topic of bars, as clients compute it themselves: compact JSON with sorted keys."""
    return f"bars:{_compact(resolution=resolution, symbol=symbol)}"


def quotes_topic(symbol: str) -> str:
    return f"quotes:{_compact(symbol=symbol)}"


def _compact(**parameters: str) -> str:
    return msgspec.json.encode(parameters, order="sorted").decode()


def bar_payload(bar: FormingBar) -> BarPayload:
    """`bar` as clients read it, its time in milliseconds."""
    opened_at, *values = bar
    opened, high, low, close, volume = values
    return BarPayload(time=opened_at * MILLISECONDS, open=opened, high=high, low=low, close=close, volume=volume)


def bars_update(topic: str, bar: FormingBar) -> BarsUpdate:
    return BarsUpdate(payload=BarsUpdatePayload(topic=topic, payload=bar_payload(bar)))
