"""What a socket may ask of market data: bars and quotes as they change."""

from typing import Any

from django.conf import settings

from datafeed.messages import (
    BarsRequest,
    QuotePayload,
    QuotesRequest,
    QuotesUpdate,
    QuotesUpdatePayload,
    TopicAnswer,
    TopicsAnswer,
    bars_topic,
    bars_update,
    quotes_topic,
)
from datafeed.models import Instrument
from datafeed.selectors import check_served, find_instrument, newest_bar
from datafeed.selectors.quotes import quotes_of
from kernel.background import on_thread
from kernel.errors import Invalid
from kernel.realtime import Socket, operation

MOST_SYMBOLS = 100


def _is_public() -> bool:
    return bool(settings.DATAFEED_PUBLIC)


@operation("bars.subscribe", BarsRequest, answer=TopicAnswer, is_public=_is_public)
async def subscribe_to_bars(socket: Socket, request: BarsRequest) -> dict[str, Any]:
    """Hear the bars of a symbol and resolution as they form and close, the newest at once."""
    instrument, resolution = await on_thread(_find, request)
    topic = bars_topic(instrument.symbol, resolution)
    came_meanwhile: list[Any] = []

    def note(update: dict[str, Any]) -> bool:
        came_meanwhile.append(update)
        return True

    await socket.listen(topic, only=note)
    newest = await on_thread(newest_bar, instrument, resolution)
    # What was pushed while the store was read is newer than what it said.
    if newest is not None and not came_meanwhile:
        socket.tell(bars_update(topic, newest))
    await socket.listen(topic)
    return {"message": f"Subscribed to {topic}", "topic": topic}


@operation("bars.unsubscribe", BarsRequest, answer=TopicAnswer, is_public=_is_public)
async def unsubscribe_from_bars(socket: Socket, request: BarsRequest) -> dict[str, Any]:
    """Hear no more of the bars of a symbol and resolution."""
    instrument, resolution = await on_thread(_find, request)
    topic = bars_topic(instrument.symbol, resolution)
    await socket.stop_listening(topic)
    return {"message": f"Unsubscribed from {topic}", "topic": topic}


@operation("quotes.subscribe", QuotesRequest, answer=TopicsAnswer, is_public=_is_public)
async def subscribe_to_quotes(socket: Socket, request: QuotesRequest) -> dict[str, Any]:
    """Hear the quotes of symbols as they change, the present ones at once."""
    symbols = await on_thread(_known_symbols, request)
    for symbol in symbols:
        await socket.listen(quotes_topic(symbol))
    for quote in await on_thread(quotes_of, symbols):
        payload = QuotesUpdatePayload(topic=quotes_topic(quote["n"]), payload=QuotePayload(**quote))
        socket.tell(QuotesUpdate(payload=payload))
    return {"message": f"Subscribed to {len(symbols)} quotes", "topics": [quotes_topic(symbol) for symbol in symbols]}


@operation("quotes.unsubscribe", QuotesRequest, answer=TopicsAnswer, is_public=_is_public)
async def unsubscribe_from_quotes(socket: Socket, request: QuotesRequest) -> dict[str, Any]:
    """Hear no more of the quotes of symbols."""
    symbols = await on_thread(_known_symbols, request)
    for symbol in symbols:
        await socket.stop_listening(quotes_topic(symbol))
    return {
        "message": f"Unsubscribed from {len(symbols)} quotes",
        "topics": [quotes_topic(symbol) for symbol in symbols],
    }


def _find(request: BarsRequest) -> tuple[Instrument, str]:
    instrument = find_instrument(request.symbol)
    return instrument, check_served(instrument, request.wanted_resolution)


def _known_symbols(request: QuotesRequest) -> list[str]:
    asked = [("symbols", symbol) for symbol in request.symbols]
    asked += [("fast_symbols", symbol) for symbol in request.fast_symbols]
    if not 1 <= len(asked) <= MOST_SYMBOLS:
        raise Invalid.field("symbols", f"1 to {MOST_SYMBOLS} symbols are allowed.")
    found: dict[str, None] = {}
    for field, symbol in asked:
        found[find_instrument(symbol, field).symbol] = None
    return list(found)
