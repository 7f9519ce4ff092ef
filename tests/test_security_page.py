"""The page of what is refused names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| [A-Z]-\d\d \| [^|]+ \| `([\w/]+\.py)::(test_\w+)` \|$")


def rows() -> list[str]:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    return [line for line in page.splitlines() if re.match(r"\| [A-Z]-", line)]


def test_every_row_names_a_test_that_exists() -> None:
    assert len(rows()) > 50
    for row in rows():
        found = ROW.match(row)
        assert found, row
        file, name = found.groups()
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), row


def test_no_row_is_there_twice() -> None:
    assert len(rows()) == len(set(rows()))
