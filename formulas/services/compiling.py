"""The text of a formula becomes its program, or the refusal that says what is wrong with it."""

from collections.abc import Mapping

from formulas import engine
from formulas.errors import FormulaSyntaxError
from formulas.selectors import problem_body
from kernel.errors import Invalid


def compile_code(code: str, parameters: Mapping[str, float] | None = None) -> engine.Program:
    """The program of `code`; raises `FormulaSyntaxError` with every fault the compiler names."""
    try:
        return engine.compile_formula(code, parameters)
    except engine.FormulaError as error:
        faults = [problem_body(problem) for problem in error.errors]
        raise FormulaSyntaxError(errors={"formula_code": faults}) from None


def check_parameters(code: str, parameters: Mapping[str, float]) -> engine.Program:
    """The program of `code` with these parameters; raises `Invalid` naming `parameters`."""
    try:
        return engine.compile_formula(code, parameters)
    except engine.FormulaError as error:
        raise Invalid(errors={"parameters": [problem.message for problem in error.errors]}) from None
