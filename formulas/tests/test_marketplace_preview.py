"""An editor draws what code would have said on the newest bars; nothing of it is kept."""

from typing import Any

import pytest

from formulas import preview
from formulas.engine import native
from formulas.models import Deployment, Formula, Signal
from formulas.preview import MOST_BARS
from formulas.tests.conftest import UP_AND_DOWN, Market

pytestmark = pytest.mark.django_db

CODE = "if crossover(close, sma(close, 3)): buy()\nif rsi(3) > 90: sell()\nstop_loss(close - 2 * atr(2))"
PATH = "/api/v1/formulas/preview"


def test_lines_and_signals_stand_on_their_bars(person: Any, client_of: Any, market: Market) -> None:
    stamps = market.close_bars(UP_AND_DOWN)
    body = {"formula_code": CODE, "symbol": "ACME", "resolution": "D"}
    answer = client_of(person()).post(PATH, body)
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["symbol"], shown["resolution"], len(shown["bar_times"])) == ("ACME", "1D", len(stamps))
    assert shown["bar_times"][0] == "2001-01-01T00:00:00Z"
    lines = {line["name"]: line["values"] for line in shown["lines"]}
    assert set(lines) == {"sma(close, 3)", "rsi(3)", "close - 2 * atr(2)"}
    assert lines["sma(close, 3)"][:4] == [None, None, 10.0, 10.0]
    crossed = [signal["bar_time"] for signal in shown["signals"] if signal["side"] == "buy"]
    assert crossed == [shown["bar_times"][index] for index in (4, 9)]
    assert shown["signals"][0]["reason"][0]["expression"]


def test_what_is_drawn_of_the_newest_bars_does_not_depend_on_how_many_are_asked_for(
    person: Any, client_of: Any, market: Market
) -> None:
    market.close_bars(UP_AND_DOWN)
    client = client_of(person())
    body = {"formula_code": CODE, "symbol": "ACME", "resolution": "1D"}
    whole, last = (client.post(PATH, {**body, "bars": bars}).json() for bars in (MOST_BARS, 3))
    assert last["bar_times"] == whole["bar_times"][-3:]
    assert [line["values"] for line in last["lines"]] == [line["values"][-3:] for line in whole["lines"]]
    assert last["signals"] == [one for one in whole["signals"] if one["bar_time"] in last["bar_times"]]


def test_nothing_is_kept(person: Any, client_of: Any, market: Market) -> None:
    market.close_bars(UP_AND_DOWN)
    client_of(person()).post(PATH, {"formula_code": CODE, "symbol": "ACME", "resolution": "1D"})
    assert not Formula.objects.exists()
    assert not Deployment.objects.exists()
    assert not Signal.objects.exists()


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"formula_code": "if rsi < : buy()"}, 400, "formula_code"),
        ({"formula_code": ""}, 400, "formula_code"),
        ({"symbol": "NONE"}, 400, "symbol"),
        ({"resolution": "7"}, 400, "resolution"),
        ({"bars": 0}, 400, "bars"),
        ({"bars": MOST_BARS + 1}, 400, "bars"),
        ({"parameters": {"x": "y"}}, 400, "parameters"),
    ],
)
def test_what_cannot_be_drawn_is_named(
    person: Any, client_of: Any, market: Market, changed: dict[str, Any], status: int, field: str
) -> None:
    market.close_bars(UP_AND_DOWN)
    body = {"formula_code": CODE, "symbol": "ACME", "resolution": "1D", **changed}
    answer = client_of(person()).post(PATH, body)
    assert answer.status_code == status, answer.content
    assert field in answer.json()["errors"]


def test_parameters_move_the_lines(person: Any, client_of: Any, market: Market) -> None:
    market.close_bars(UP_AND_DOWN)
    code = "n = param(3, min=2, max=5)\nif close > sma(close, n): buy()"
    body = {"formula_code": code, "symbol": "ACME", "resolution": "1D", "parameters": {"n": 2}}
    (line,) = client_of(person()).post(PATH, body).json()["lines"]
    assert line["name"] == "sma(close, 2)"
    assert line["values"][:2] == [None, 10.0]


def test_what_takes_too_long_to_warm_up_reads_no_more_bars_than_a_person_can_wait_for(
    person: Any, client_of: Any, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.close_bars(UP_AND_DOWN)
    monkeypatch.setattr(preview, "MOST_READ", 2)
    body = {"formula_code": CODE, "symbol": "ACME", "resolution": "1D", "bars": len(UP_AND_DOWN)}
    assert len(client_of(person()).post(PATH, body).json()["bar_times"]) == 2


def test_a_preview_loads_no_machine_code_into_the_web_process(
    person: Any, client_of: Any, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.close_bars(UP_AND_DOWN)
    monkeypatch.delenv("SIGNALBOX_KERNELS", raising=False)
    monkeypatch.setattr(native, "_loaded", [])
    monkeypatch.setattr(native, "load_kernels", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        native.kernels_for(native.WORTH_LOADING)
    body = {"formula_code": CODE, "symbol": "ACME", "resolution": "1D"}
    assert client_of(person()).post(PATH, body).status_code == 200


def test_a_costly_formula_reads_fewer_bars(
    person: Any, client_of: Any, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.close_bars(UP_AND_DOWN)
    monkeypatch.setattr(preview, "MOST_STEPS", 12)
    body = {"formula_code": "if close > 1: buy()", "symbol": "ACME", "resolution": "1D"}
    assert len(client_of(person()).post(PATH, body).json()["bar_times"]) == 4
