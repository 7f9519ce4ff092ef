"""What may be wrong with a request for market data, by case."""

from collections.abc import Sequence

from kernel.errors import DomainError, Invalid, NotFound


class UnknownSymbol(Invalid):
    """No active instrument has this symbol; `errors` names the field it came in."""

    code = "unknown_symbol"
    message = "Symbol not found"

    def __init__(self, symbol: str, field: str = "symbol") -> None:
        super().__init__(errors={field: [f"There is no instrument {symbol[:40]!r}."]})


class ResolutionNotServed(Invalid):
    """The instrument has no bars of this resolution; the message lists those it has."""

    code = "resolution_not_served"
    message = "Resolution not served"

    def __init__(self, resolution: str, served: Sequence[str], field: str = "resolution") -> None:
        choice = f"choose one of {', '.join(served)}" if served else "this instrument has no bars yet"
        super().__init__(errors={field: [f"{resolution[:20]!r} is not served; {choice}."]})


class SymbolNotFound(NotFound):
    """A symbol in an address that no active instrument has."""

    code = "unknown_symbol"
    message = "Symbol not found"


class BadBar(Invalid):
    """A bar that contradicts itself or is not a finite number; `errors` names the column."""

    code = "bad_bar"
    message = "The bar is not valid."


class UnreadableTable(Invalid):
    """A file that is no table of bars, or that unpacks to more than is taken."""

    code = "unreadable_table"
    message = "The file is not a table of bars."


class PositionLost(DomainError):
    """The store is not where a live stream believed it: the stream begins again from what is stored."""

    code = "position_lost"
    message = "The recorded bars have changed."
