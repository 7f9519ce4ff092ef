"""A page of a marketplace of very many formulas is cut out of an index, and no list sorts them all."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from formulas.models import Formula

pytestmark = pytest.mark.django_db

MANY = 10_000


@pytest.fixture
def crowded(person: Any) -> Any:
    """Somebody who looks at a marketplace of very many formulas by others."""
    ann = person("ann")
    rows = [
        Formula(
            author=ann, name=f"Formula {number}", description="Buys low and sells high.", category=f"c{number % 20}",
            is_public=number % 10 != 0, performance_score=None if number % 3 else number % 100,
            total_subscribers=number * 7 % 1_000, average_rating=None if number % 4 else number % 5 + 1,
        )
        for number in range(MANY)
    ]  # fmt: skip
    Formula.objects.bulk_create(rows, batch_size=2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return person("bob")


READ_FROM = [
    ("", {}, "formula_newest"),
    ("-created_at", {}, "formula_newest"),
    ("-performance_score", {}, "formula_best"),
    ("-total_subscribers", {}, "formula_most_followed"),
    ("-average_rating", {}, "formula_best_rated"),
    ("-performance_score", {"category": "C3"}, "formula_of_category"),
]


def test_each_ranking_is_read_from_its_index(crowded: Any, client_of: Any) -> None:
    client = client_of(crowded)
    for ordering, query, index in READ_FROM:
        plan = _plan(_page(client, ordering, **query))
        assert index in plan, (ordering, plan)
        assert "Sort" not in plan, (ordering, plan)
        assert "TEMP B-TREE" not in plan, (ordering, plan)


def _page(client: Any, ordering: str, **query: Any) -> str:
    """The statement that read the page."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get("/api/v1/formulas", {"ordering": ordering, **query})
    assert (answer.status_code, len(answer.json()["results"])) == (200, 20)
    return next(one["sql"] for one in captured if " LIMIT 20" in one["sql"])


def _plan(sql: str) -> str:
    words = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        cursor.execute(words + sql)
        return "\n".join(" ".join(map(str, row)) for row in cursor.fetchall())
