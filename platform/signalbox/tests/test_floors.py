"""Libraries in which known holes are mended: none may be older, here or in the lock file."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

LOCK = Path(__file__).resolve().parents[3] / "requirements.txt"
FLOORS = {
    "django": "5.2.19",
    "daphne": "4.2.3",
    "autobahn": "26.10",
    "twisted": "26.10",
    "pyjwt": "2.12",
    "djangorestframework-simplejwt": "5.5.1",
    "djangorestframework": "3.18",
    "channels": "4.3.2",
}


def parts(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


@pytest.mark.parametrize("package", FLOORS)
def test_no_library_is_older_than_its_last_mended_hole(package: str) -> None:
    locked = re.search(rf"^{package}(?:\[[^\]]*\])?==([\w.]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert locked, package
    assert parts(locked[1]) >= parts(FLOORS[package])
    assert parts(version(package)) >= parts(FLOORS[package])
