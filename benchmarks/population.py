"""Who and what a benchmark measures with: deployments on one instrument and people who follow some of them."""

from typing import Any

from django.test import override_settings

from accounts.services import register_user, sign_in
from benchmarks.crossings import sources
from datafeed.selectors import find_instrument
from formulas.models import Formula
from formulas.services import create_formula, deploy_formula, subscribe_to_formula

SYMBOL, RESOLUTION = "IBM", "1D"
WATCHED = "if close > 0: buy()"  # a signal on every bar
OTHERS_FOLLOWED = 3
PASSWORD = "correct horse battery"
CHEAP_HASHES = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def populate(deployments: int, followers: int) -> dict[str, Any]:
    """`deployments` formulas on IBM, of which one fires on every bar and each other on its own crossings, and
    `followers` people of that one and of some others, signed in:
    `{formula_id, symbol, resolution, people: [{id, token}]}`."""
    # Argon2 is slow on purpose; what is measured begins after signing in.
    with override_settings(PASSWORD_HASHERS=CHEAP_HASHES):
        author = _person("bench_author")
        codes = sources(deployments - 1)
        # The watched one is in the middle: as many signals are told before its own as after it.
        codes.insert(len(codes) // 2, WATCHED)
        formulas = [_deployed(author, f"Formula {number}", code) for number, code in enumerate(codes)]
        watched = formulas.pop((deployments - 1) // 2)
        people = [_follower(f"bench_{number}", [watched, *_some(formulas, number)]) for number in range(followers)]
    return {"formula_id": watched.pk, "symbol": SYMBOL, "resolution": RESOLUTION, "people": people}


def _some(formulas: list[Formula], number: int) -> list[Formula]:
    """Others that the person with this number follows, spread evenly."""
    count = min(OTHERS_FOLLOWED, len(formulas))
    return [formulas[(number + place * len(formulas) // count) % len(formulas)] for place in range(count)]


def _person(name: str) -> Any:
    return register_user(username=name, email=f"{name}@example.com", password=PASSWORD)


def _deployed(author: Any, name: str, code: str) -> Formula:
    formula = create_formula(author=author, name=name, formula_code=code)
    deploy_formula(formula=formula, instrument=find_instrument(SYMBOL), resolution=RESOLUTION)
    return formula


def _follower(name: str, formulas: list[Formula]) -> dict[str, Any]:
    person = _person(name)
    for formula in formulas:
        subscribe_to_formula(user=person, formula=formula)
    return {"id": person.pk, "token": sign_in(login=name, password=PASSWORD).access_token}
