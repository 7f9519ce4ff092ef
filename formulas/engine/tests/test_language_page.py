"""The language page says what the engine does: its table is the registry's, and its examples run."""

import json
import re
from pathlib import Path

import pytest

import formulas
from formulas.engine import compile_formula
from formulas.engine.registry import FUNCTIONS, as_markdown, as_words
from formulas.engine.vocabulary import LATER_WORDS

ROOT = Path(formulas.__file__).parent.parent
PAGE = (ROOT / "docs" / "formula-language.md").read_text()
WORDS = ROOT / "web" / "static" / "signalbox" / "formulas" / "language.json"
BEGIN, END = "<!-- functions: begin -->\n", "<!-- functions: end -->\n"
EXAMPLES = re.findall(r"```formula\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_functions_is_that_of_the_registry():
    table = PAGE.split(BEGIN)[1].split(END)[0]
    assert table.strip() == as_markdown().strip()


def test_the_words_that_the_editor_offers_are_those_of_the_registry():
    assert json.loads(WORDS.read_text()) == as_words()


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("source", EXAMPLES)
def test_an_example_compiles(source):
    compile_formula(source)


def test_no_function_is_also_announced_for_later():
    assert not LATER_WORDS & set(FUNCTIONS)
