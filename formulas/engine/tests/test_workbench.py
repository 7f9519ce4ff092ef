"""What programs alike work with one after the other carries nothing over from one to the next."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from formulas.engine import Terms, compile_formula
from formulas.engine.backtest import run_account
from formulas.engine.compiler import compile_expression
from formulas.engine.history import run
from formulas.engine.kernels import drivers
from formulas.engine.layout import Layout
from formulas.engine.native import load_kernels
from formulas.engine.tape import Tape
from formulas.engine.tests.markets import bits, random_walk

FORMULA = "if crossover(sma(5), sma(20)): buy(size=0.7)\nif rsi < 45: sell()"
BARS, OTHER = random_walk(3, 1500), random_walk(4, 900)
POOR, RICH = Terms(50.0, minimum_fee=0.1), Terms(1e6, fee_bps=1.0)


@pytest.fixture(autouse=True)
def machine_code(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_KERNELS", "on")


def account_of(bars, terms):
    curve, refused = run_account(compile_formula(FORMULA), bars, terms)
    return bits(curve.equity.tolist()), list(curve.trades), refused


def test_an_account_is_the_same_whatever_ran_before_it():
    first = account_of(BARS, POOR)
    account_of(OTHER, RICH)
    assert account_of(BARS, POOR) == first
    assert first[1]


def test_a_program_that_is_not_done_keeps_what_it_works_with():
    program, kernels = compile_formula(FORMULA), load_kernels()
    whole = account_of(BARS, POOR)
    tape = Tape(program, BARS, terms=POOR)
    tape.advance(kernels, 0, 700)
    account_of(OTHER, RICH)
    tape.advance(kernels, 700, len(BARS))
    assert bits(tape.equity.tolist()) == whole[0]
    assert list(tape.trades()) == whole[1]


def test_threads_do_not_meet():
    wanted = [account_of(bars, terms) for bars in (BARS, OTHER) for terms in (POOR, RICH)]
    asked = [(bars, terms) for bars in (BARS, OTHER) for terms in (POOR, RICH)] * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: account_of(*pair), asked))
    assert found == wanted * 20


@pytest.mark.parametrize("name", ["position", "entry_price", "bars_held", "equity"])
def test_an_output_that_is_the_account_itself_does_not_show_what_lay_there(name, monkeypatch):
    made = Layout.values

    def littered(layout):
        values = made(layout)
        values[drivers.ACCOUNT_COLUMN : drivers.ACCOUNT_COLUMN + drivers.ACCOUNT_COLUMNS] = 7.0
        return values

    monkeypatch.setattr(Layout, "values", littered)
    program = compile_expression(name)
    shown, plain = (
        run(program, BARS, plain=plain).outputs[program.outputs[0].name].tolist() for plain in (False, True)
    )
    assert bits(shown) == bits(plain)
