"""Resolution strings: their canonical form, their order, and which is built from which."""

import re

LADDER = ("1", "5", "15", "30", "60", "240", "1D", "1W", "1M")

_PATTERN = re.compile(r"([0-9]{1,6})?([TSDWM])?")
_SECONDS = {"S": 1, "": 60, "D": 86_400, "W": 7 * 86_400, "M": 31 * 86_400}
_RANK = {"T": 0, "S": 1, "": 2, "D": 3, "W": 4, "M": 5}


def canonical(text: str) -> str:
    """`text` with its count spelled out (`D` is `1D`); raises `ValueError` where it is no resolution."""
    match = _PATTERN.fullmatch(text)
    if match is None or text == "" or (match[1] is not None and int(match[1]) < 1):
        raise ValueError(f"{text[:20]!r} is not a resolution")
    return f"{int(match[1] or 1)}{match[2] or ''}"


def unit(resolution: str) -> str:
    """The letter of a canonical resolution, empty for minutes."""
    return resolution[-1] if resolution[-1].isalpha() else ""


def is_intraday(resolution: str) -> bool:
    """Whether bars of it are stamped with an instant rather than a trading day."""
    return unit(resolution) not in {"D", "W", "M"}


def seconds(resolution: str) -> int:
    """How long a bar of it lasts at most; a month counts as 31 days."""
    letter = unit(resolution)
    return int(resolution.removesuffix(letter)) * _SECONDS[letter]


def order(resolution: str) -> tuple[int, int]:
    """A sort key from the finest to the coarsest."""
    letter = unit(resolution)
    return _RANK[letter], int(resolution.removesuffix(letter))


def can_build(base: str, target: str) -> bool:
    """Whether bars of `target` can be built from whole bars of `base`."""
    if order(base) >= order(target):
        return False
    if is_intraday(target):
        return seconds(target) % seconds(base) == 0
    return unit(base) not in {"W", "M"}
