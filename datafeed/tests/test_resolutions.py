"""Resolution strings mean one thing each."""

import pytest

from datafeed.resolutions import LADDER, can_build, canonical, order


@pytest.mark.parametrize(
    ("spelled", "meant"), [("D", "1D"), ("1D", "1D"), ("W", "1W"), ("M", "1M"), ("5", "5"), ("12M", "12M"), ("05", "5")]
)
def test_a_resolution_has_one_canonical_form(spelled: str, meant: str) -> None:
    assert canonical(spelled) == meant


@pytest.mark.parametrize("text", ["", "0", "0D", "1h", "1d", "5m", "D1", " 5", "-5", "٣", "1" * 40, "1DD"])
def test_what_is_no_resolution_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a resolution"):
        canonical(text)


def test_the_ladder_goes_from_fine_to_coarse() -> None:
    assert sorted(LADDER, key=order) == list(LADDER)


def test_a_coarser_resolution_is_built_only_where_whole_bars_fill_it() -> None:
    assert can_build("1", "240")
    assert can_build("60", "1D")
    assert can_build("1D", "1M")
    assert not can_build("15", "5")
    assert not can_build("60", "30")
    assert not can_build("1W", "1M")
    assert not can_build("1D", "1D")
