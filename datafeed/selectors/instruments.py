"""Finding instruments and what each of them serves."""

import re
from functools import lru_cache

from django.db.models import Case, IntegerField, Q, QuerySet, When

from datafeed.calendars import calendar_of
from datafeed.errors import ResolutionNotServed, UnknownSymbol
from datafeed.models import SYMBOL_PATTERN, Instrument, Series
from datafeed.providers import find_provider
from datafeed.resolutions import LADDER, can_build, canonical, order
from datafeed.sessions import Hours

_SYMBOL = re.compile(SYMBOL_PATTERN)
LONGEST_QUERY = 120


def is_symbol(text: str) -> bool:
    """Whether `text` could be a symbol: what could not never reaches the database, which would choke on some of it."""
    return _SYMBOL.fullmatch(text) is not None


def find_instrument(symbol: str, field: str = "symbol") -> Instrument:
    """The active instrument called `symbol`, in any case; raises `UnknownSymbol` naming `field`."""
    upper = symbol.strip().upper()
    found = Instrument.objects.filter(symbol=upper, is_active=True).first() if is_symbol(upper) else None
    if found is None:
        raise UnknownSymbol(symbol, field)
    return found


def find_listed(symbol: str) -> Instrument:
    """The active instrument called `symbol` or `EXCHANGE:symbol`, in any case; raises `UnknownSymbol`."""
    try:
        return find_instrument(symbol)
    except UnknownSymbol:
        exchange, colon, rest = symbol.partition(":")
        instrument = find_instrument(rest) if colon else None
        if instrument is None or instrument.exchange.casefold() != exchange.strip().casefold():
            raise UnknownSymbol(symbol) from None
        return instrument


def search_instruments(text: str, *, exchange: str = "", kind: str = "") -> QuerySet[Instrument]:
    """Active instruments with every word of `text` in their symbol or name, in any case; empty filters are none.

    First the symbol itself, then symbols that begin with the text, names that do, words of names, and the rest.
    """
    if len(text) > LONGEST_QUERY or any("\x00" in word for word in (text, exchange, kind)):
        return Instrument.objects.none()
    found = Instrument.objects.filter(is_active=True)
    for word in text.split():
        found = found.filter(Q(symbol__icontains=word) | Q(name__icontains=word))
    if text:
        found = found.order_by(_rank(text), "symbol")
    if exchange:
        found = found.filter(exchange__iexact=exchange)
    return found.filter(type__iexact=kind) if kind else found


def _rank(text: str) -> Case:
    """How well an instrument fits, the best first."""
    fits = (
        Q(symbol__iexact=text),
        Q(symbol__istartswith=text),
        Q(name__istartswith=text),
        Q(name__icontains=f" {text}"),
    )
    ranks = [When(fit, then=place) for place, fit in enumerate(fits)]
    return Case(*ranks, default=len(ranks), output_field=IntegerField())


def sources(instrument: Instrument) -> dict[str, Series]:
    """Resolution → the series it is read or built from, finest first."""
    recorded = {series.resolution: series for series in instrument.series.all()}
    for series in recorded.values():
        series.instrument = instrument
    return {resolution: recorded[base] for resolution, base in bases_of(frozenset(recorded)).items()}


@lru_cache(maxsize=256)
def bases_of(recorded: frozenset[str]) -> dict[str, str]:
    """Resolution → the one of the `recorded` resolutions it is read or built from, finest first.

    A higher resolution is built from the coarsest base that can make it, and so always from one provider.
    """
    bases, found = sorted(recorded, key=order), {}
    for resolution in LADDER:
        for base in bases:
            if base == resolution or can_build(base, resolution):
                found[resolution] = base
    return found


def resolutions_of(series: Series) -> list[str]:
    """What is read or built from `series`: its own resolution first, then those built from it."""
    return [resolution for resolution, source in sources(series.instrument).items() if source.pk == series.pk]


def served_resolutions(instrument: Instrument) -> list[str]:
    """The resolutions that `instrument` has bars of, finest first."""
    return list(sources(instrument))


def source_of(instrument: Instrument, resolution: str, field: str = "resolution") -> tuple[str, Series]:
    """The canonical resolution and its series; raises `ResolutionNotServed` naming `field`."""
    found = sources(instrument)
    try:
        name = canonical(resolution)
    except ValueError:
        name = ""
    if name not in found:
        raise ResolutionNotServed(resolution, list(found), field)
    return name, found[name]


def check_served(instrument: Instrument, resolution: str, field: str = "resolution") -> str:
    """`resolution` in its canonical form (`D` is `1D`); raises `ResolutionNotServed` naming `field`."""
    return source_of(instrument, resolution, field)[0]


def hours_of(series: Series) -> Hours:
    """When the bars of `series` come: the provider's own hours where it has some, else the instrument's."""
    provider = find_provider(series.provider)
    if provider is not None and provider.hours is not None:
        return provider.hours
    return instrument_hours(series.instrument)


def instrument_hours(instrument: Instrument) -> Hours:
    """When `instrument` trades, with the holidays of its exchange where we know them."""
    return Hours(instrument.session, instrument.timezone, calendar_of(instrument.exchange))
