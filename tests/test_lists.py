"""Lists show what the asker may see, in an order they offer, whatever the query says."""

import re
from typing import Any

import pytest

from tests.sender import Shares
from tests.surface import fault_of, operations
from tests.world import World

pytestmark = pytest.mark.django_db

STRANGERS = ["ben", "company_admin", "reviewer"]

SPIES = [
    "",
    "user_id={ann}&user={ann}&owner={ann}&owner_id={ann}&author_id={ann}&visible_to={ann}&recipient={ann}",
    "all=true&scope=all&include=all&is_staff=true&admin=1&role=admin&as={ann}&page_size=1000&unread_only=false",
    "user__username=ann&formula__author__username=ann&owner__username=ann&stream__name=user:{ann}",
    "author=ann&is_public=false",
    "pk={private}&id={private}&formula={private}&formula_id={private}",
    "search=annsown",
    "tags=annsown",
    "category=annsown",
]


@pytest.mark.parametrize("name", STRANGERS)
def test_no_query_widens_a_list(world: World, name: str) -> None:
    client = world.client(name)
    values = {"ann": world.ann.pk, "private": world.private.pk}
    shares = Shares(3)
    secrets = ["annsown", "29.137", str(world.session.pk), world.key.prefix, str(world.document.pk)]
    for operation in operations():
        if operation.method == "GET" and not operation.path_parameters and world.who(operation) == "ann":
            for spy in shares.deal(SPIES):
                response = client.get(world.url(operation), QUERY_STRING=spy.format(**values))
                assert response.status_code in {200, 400}, (operation, spy)
                # The addresses of further pages repeat what was asked.
                told = re.sub(r'"(next|previous)":"[^"]*"', "", response.getvalue().decode())
                assert not [secret for secret in secrets if secret in told], (operation.name, spy)


ORDERINGS = [
    "password", "author__password", "-author__password", "user__password", "formula__version__code", "?", "id", "pk",
    "-",
    "created_at,author__password", "created_at;", "CREATED_AT", "RANDOM()",
]  # fmt: skip


def test_a_list_is_ordered_by_the_names_it_offers_and_by_no_other(world: World) -> None:
    shares = Shares(3)
    for address, client in lists(world):
        for ordering in shares.deal(ORDERINGS):
            response = client.get(address, {"ordering": ordering})
            assert fault_of(response, 400) == "", address
            assert list(response.json()["errors"]) == ["ordering"], address


def test_a_list_of_rows_is_ordered_by_when_they_were_made(world: World) -> None:
    for address, client in lists(world):
        if not address.endswith("/portfolio/history"):
            forward = client.get(address, {"ordering": "created_at"})
            back = client.get(address, {"ordering": "-created_at"})
            assert forward.status_code == back.status_code == 200, (address, forward.content)
            assert forward.json()["results"] == back.json()["results"][::-1], address


def lists(world: World) -> list[tuple[str, Any]]:
    """Every operation that answers pages, with a client that may ask."""
    paged = [operation for operation in operations() if {"page", "size"} <= set(operation.query_parameters)]
    assert len(paged) > 8
    return [(world.url(operation), world.client(world.who(operation))) for operation in paged]
