"""Who and what a benchmark measures with: deployments on one instrument and people who follow one of them."""

from typing import Any

from django.test import override_settings

from accounts.services import register_user, sign_in
from datafeed.selectors import find_instrument
from formulas.models import Formula
from formulas.services import create_formula, deploy_formula, subscribe_to_formula

SYMBOL, RESOLUTION = "IBM", "1D"
WATCHED = "if close > 0: buy()"  # a signal on every bar
OTHERS = "if crossover(close, sma(close, {length})): buy()\nif crossunder(close, sma(close, {length})): sell()"
PASSWORD = "correct horse battery"
CHEAP_HASHES = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def populate(deployments: int, followers: int) -> dict[str, Any]:
    """`deployments` formulas on IBM, of which one fires on every bar and the rest on crossings of different lengths,
    and `followers` people of that one, signed in: `{formula_id, symbol, resolution, people: [{id, token}]}`."""
    # Argon2 is slow on purpose; what is measured begins after signing in.
    with override_settings(PASSWORD_HASHERS=CHEAP_HASHES):
        author = _person("bench_author")
        # The watched one is in the middle: as many signals are told before its own as after it.
        for number in range(deployments):
            if number == deployments // 2:
                watched = _deployed(author, "Every bar", WATCHED)
            else:
                # From 3 to 202 and round again: a second round differs by its name alone.
                _deployed(author, f"Crossing {number}", OTHERS.format(length=3 + number % 200))
        people = [_follower(f"bench_{number}", watched) for number in range(followers)]
    return {"formula_id": watched.pk, "symbol": SYMBOL, "resolution": RESOLUTION, "people": people}


def _person(name: str) -> Any:
    return register_user(username=name, email=f"{name}@example.com", password=PASSWORD)


def _deployed(author: Any, name: str, code: str) -> Formula:
    formula = create_formula(author=author, name=name, formula_code=code)
    deploy_formula(formula=formula, instrument=find_instrument(SYMBOL), resolution=RESOLUTION)
    return formula


def _follower(name: str, formula: Formula) -> dict[str, Any]:
    person = _person(name)
    subscribe_to_formula(user=person, formula=formula)
    return {"id": person.pk, "token": sign_in(login=name, password=PASSWORD).access_token}
