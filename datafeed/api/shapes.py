"""Turning what the selectors find into the shapes that charting clients expect."""

from decimal import Decimal
from typing import Any

from datafeed.models import Instrument, InstrumentType, Series
from datafeed.providers import REGISTRY, find_provider
from datafeed.resolutions import LADDER, is_intraday, unit
from datafeed.selectors import hours_of, sources
from datafeed.selectors.instruments import instrument_hours
from datafeed.sessions import exceptions_of


def config() -> dict[str, Any]:
    """What the datafeed as a whole can do; the flags say what is there."""
    active = Instrument.objects.filter(is_active=True).order_by()
    exchanges = sorted(active.values_list("exchange", flat=True).distinct())
    types = sorted(active.values_list("type", flat=True).distinct())
    return {
        "supported_resolutions": list(LADDER),
        "supports_marks": False,
        "supports_timescale_marks": False,
        "supports_time": False,
        "exchanges": [
            {"value": "", "name": "All Exchanges", "desc": ""},
            *({"value": name, "name": name, "desc": name} for name in exchanges),
        ],
        "symbols_types": [
            {"name": "All types", "value": ""},
            *({"name": InstrumentType(value).label, "value": value} for value in types),
        ],
    }


def search_result(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "description": instrument.name,
        "exchange": instrument.exchange,
        "ticker": instrument.symbol,
        "type": instrument.type,
    }


def resolved(instrument: Instrument) -> dict[str, Any]:
    """Everything a chart must know of `instrument`, and where each of its resolutions comes from."""
    found = {resolution: _source(series) for resolution, series in sources(instrument).items()}
    main = found.get("1D") or next(iter(found.values()), None)
    minmov, pricescale = price_step(instrument.price_increment)
    exceptions = exceptions_of(instrument_hours(instrument))
    return {
        "name": instrument.symbol,
        "ticker": instrument.symbol,
        "description": instrument.name,
        "type": instrument.type,
        "session": instrument.session,
        "timezone": instrument.timezone,
        "session_holidays": exceptions.holidays,
        "corrections": exceptions.corrections,
        "exchange": instrument.exchange,
        "listed_exchange": instrument.exchange,
        "currency_code": instrument.currency,
        "format": "price",
        "pricescale": pricescale,
        "minmov": minmov,
        "has_intraday": any(is_intraday(resolution) for resolution in found),
        "intraday_multipliers": [resolution for resolution in found if is_intraday(resolution)],
        "has_daily": "1D" in found,
        "has_weekly_and_monthly": any(unit(resolution) in {"W", "M"} for resolution in found),
        "supported_resolutions": list(found),
        "volume_precision": 0,
        "data_status": "streaming" if found else "endofday",
        "provider": main["provider"] if main else None,
        "provider_label": main["provider_label"] if main else None,
        "is_simulated": bool(main and main["is_simulated"]),
        "sources": found,
    }


def _source(series: Series) -> dict[str, Any]:
    provider, hours = find_provider(series.provider), hours_of(series)
    return {
        "base": series.resolution,
        "provider": series.provider,
        "provider_label": REGISTRY[series.provider][0] if series.provider in REGISTRY else series.provider,
        "attribution": provider.attribution if provider else "",
        "is_simulated": bool(provider and provider.is_simulated),
        "session": hours.session,
        "timezone": hours.timezone,
    }


def price_step(increment: Decimal) -> tuple[int, int]:
    """`increment` as `minmov / pricescale`, where the second is a power of ten: 0.25 is 25 / 100."""
    exponent = int(increment.normalize().as_tuple().exponent)
    pricescale = 10 ** max(0, -exponent)
    return int(increment * pricescale), pricescale
