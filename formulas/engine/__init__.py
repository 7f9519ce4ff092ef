"""The formula engine: compiles trading formulas and runs them over history and live, with equal results."""

from formulas.engine.bars import Bar, BarError, Bars
from formulas.engine.broker import Terms, Trade
from formulas.engine.compiler import CheckReport, check, compile_formula
from formulas.engine.decisions import Decision, Reason
from formulas.engine.history import run_history
from formulas.engine.live import LiveProgram, SnapshotError
from formulas.engine.merged import Merged
from formulas.engine.problems import FormulaError, Problem
from formulas.engine.program import ENGINE_VERSION, Parameter, Program
from formulas.engine.universe import Universe

__all__ = [
    "ENGINE_VERSION",
    "Bar",
    "BarError",
    "Bars",
    "CheckReport",
    "Decision",
    "FormulaError",
    "LiveProgram",
    "Merged",
    "Parameter",
    "Problem",
    "Program",
    "Reason",
    "SnapshotError",
    "Terms",
    "Trade",
    "Universe",
    "check",
    "compile_formula",
    "run_history",
]
