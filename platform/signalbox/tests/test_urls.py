"""Paths found by their first word are those that a search through all of them finds."""

import json
import re
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.urls import Resolver404, URLResolver, path
from django.urls.resolvers import RoutePattern

from signalbox.api import SURFACES, by_first_word, documented

DOCUMENT = json.loads((settings.BASE_DIR / "docs" / "openapi.json").read_text(encoding="utf-8"))
SPOKEN = {"slug": "acme", "symbol": "IBM", "company": "acme", "role": "user", "id": "7"}


def resolver(patterns: Any) -> URLResolver:
    return URLResolver(RoutePattern("", is_endpoint=False), patterns)


def found(among: URLResolver, address: str) -> Any:
    try:
        match = among.resolve(address)
    except Resolver404:
        return None
    return match.func, match.args, match.kwargs, match.url_name


FLAT, GROUPED = resolver(documented), resolver(by_first_word(documented))


@pytest.mark.parametrize("number", ["7", "007", str(uuid.UUID(int=7)), "a.b", ""])
def test_every_documented_path_leads_where_it_did(number: str) -> None:
    for template in DOCUMENT["paths"]:
        said = re.sub(r"{(\w+)}", lambda name: SPOKEN.get(name[1], number) or number, template)
        address = said.removeprefix("/api/v1/")
        for tail in ("", "/", "/more"):
            assert found(GROUPED, address + tail) == found(FLAT, address + tail), address + tail


def test_every_documented_path_is_found() -> None:
    for template in DOCUMENT["paths"]:
        tries = [re.sub(r"{\w+}", name, template) for name in ("7", str(uuid.UUID(int=7)), "acme")]
        assert any(found(GROUPED, one.removeprefix("/api/v1/")) for one in tries), template


@pytest.mark.parametrize("address", ["", "form", "formulasx", "formulas7", "nothing", "/formulas", "formulas//7"])
def test_what_only_begins_like_a_word_is_another(address: str) -> None:
    assert found(GROUPED, address) is found(FLAT, address) is None


def test_patterns_that_do_not_say_their_first_word_keep_their_place() -> None:
    views: list[Any] = [lambda request: None for _ in range(4)]
    patterns: Any = [
        path("a/x", views[0]),
        path("<slug:any>/x", views[1]),
        path("a/<slug:any>", views[2]),
        path("b", views[3]),
    ]
    grouped, flat = resolver(by_first_word(patterns)), resolver(patterns)
    for address in ("a/x", "b/x", "a/y", "b", "c"):
        assert found(grouped, address) == found(flat, address)
    assert found(grouped, "a/x") == (views[0], (), {}, None)


def test_the_surface_has_few_groups_to_look_through() -> None:
    assert len(by_first_word(SURFACES["v1"])) < len(SURFACES["v1"]) / 3
