"""Formulas over REST: written, found, changed, and kept from those they are not for."""

from typing import Any

import pytest

from formulas.models import FormulaVersion
from kernel.models import AuditEntry

pytestmark = pytest.mark.django_db

RSI = {
    "name": "RSI Strategy",
    "description": "RSI-based trading strategy",
    "formula_code": "if rsi < 30: buy()",
    "category": "technical",
    "tags": ["rsi", "oversold"],
    "is_public": True,
}
SHAPE = {
    "id",
    "name",
    "description",
    "formula_code",
    "category",
    "tags",
    "is_public",
    "is_retired",
    "version",
    "performance_score",
    "total_subscribers",
    "average_rating",
    "total_reviews",
    "is_subscribed",
    "created_by",
    "created_at",
    "updated_at",
}


def test_the_documents_own_formula_is_created_as_it_stands(person: Any, client_of: Any) -> None:
    ann = person("ann")
    for path in ("/api/v1/formulas", "/formulas/", "/api/formulas/"):
        response = client_of(ann).post(path, RSI)
        assert response.status_code == 201
        body = response.json()
        assert set(body) == SHAPE
        assert body["formula_code"] == "if rsi < 30: buy()"
        assert body["tags"] == ["oversold", "rsi"]
        assert (body["version"], body["created_by"]["username"]) == (1, "ann")
        assert body["created_at"].endswith("Z")


def test_code_that_does_not_compile_names_line_and_column(person: Any, client_of: Any) -> None:
    response = client_of(person()).post("/formulas/", {**RSI, "formula_code": "if rsi < 30:\n  import os"})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["code"] == "formula_invalid"
    fault = body["errors"]["formula_code"][0]
    assert (fault["line"], set(fault)) == (2, {"line", "column", "message", "hint"})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": None}, "name"),
        ({"formula_code": ["no"]}, "formula_code"),
        ({"tags": "rsi"}, "tags"),
        ({"tags": ["a b"]}, "tags"),
        ({"category": "a/b"}, "category"),
        ({"is_public": "perhaps"}, "is_public"),
        ({"description": {"a": 1}}, "description"),
    ],
)
def test_a_wrong_field_is_named(person: Any, client_of: Any, changed: dict[str, Any], field: str) -> None:
    response = client_of(person()).post("/api/v1/formulas", {**RSI, **changed})
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_who_and_what_it_is_worth_cannot_be_written(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob = person("ann"), person("bob")
    claims = {"author": bob.pk, "created_by": bob.pk, "performance_score": 99, "total_subscribers": 9, "id": 4711}
    formula = formula_of(ann, **claims)
    assert formula["created_by"]["id"] == ann.pk
    assert formula["performance_score"] is None
    assert (formula["total_subscribers"], formula["id"] == 4711) == (0, False)
    changed = client_of(ann).patch(f"/formulas/{formula['id']}", claims).json()
    assert changed["created_by"]["id"] == ann.pk
    assert changed["performance_score"] is None


def test_validation_answers_what_the_compiler_says(person: Any, client_of: Any) -> None:
    client = client_of(person())
    good = client.post("/formulas/validate", {"formula_code": "if rsi < 30: buy()"}).json()
    assert (good["valid"], good["errors"], good["indicators"]) == (True, [], ["rsi"])
    assert good["warmup_bars"] == 14
    bad = client.post("/formulas/validate", {"formula_code": "if close > : buy()"}).json()
    assert not bad["valid"]
    assert bad["errors"][0]["line"] == 1


def test_a_private_formula_does_not_exist_for_others(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob = person("ann"), person("bob")
    pk = formula_of(ann, is_public=False, name="Hidden away")["id"]
    stranger = client_of(bob)
    unknown = stranger.get("/formulas/999999").json()
    for method, path, body in [
        ("get", f"/formulas/{pk}", None),
        ("put", f"/formulas/{pk}", RSI),
        ("patch", f"/formulas/{pk}", {"name": "Mine"}),
        ("delete", f"/formulas/{pk}", None),
        ("get", f"/formulas/{pk}/versions", None),
        ("get", f"/formulas/{pk}/signals", None),
        ("post", "/subscriptions", {"formula_id": pk}),
        ("post", "/deployments", {"formula_id": pk, "symbol": "ACME", "resolution": "1D"}),
        ("post", "/reviews", {"formula_id": pk, "rating": 5}),
    ]:
        response = getattr(stranger, method)(path, body)
        assert response.status_code == 404, (method, path)
        assert response.json()["title"] == unknown["title"]
    assert stranger.get("/formulas", {"search": "Hidden"}).json()["total"] == 0
    assert client_of(ann).get(f"/formulas/{pk}").json()["name"] == "Hidden away"


def test_code_is_for_the_author_and_active_subscribers(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob, admin = person("ann"), person("bob"), person("root", role="admin")
    pk = formula_of(ann)["id"]
    reader = client_of(bob)
    assert reader.get(f"/formulas/{pk}").json()["formula_code"] is None
    hidden = reader.get(f"/formulas/{pk}/versions").json()["results"][0]
    assert (hidden["formula_code"], hidden["parameters"]) == (None, None)
    reader.post("/subscriptions", {"formula_id": pk})
    assert reader.get(f"/formulas/{pk}").json()["formula_code"]
    assert reader.get(f"/formulas/{pk}/versions").json()["results"][0]["parameters"] == []
    assert reader.get("/formulas").json()["results"][0]["formula_code"]
    reader.post(f"/subscriptions/{pk}/toggle")
    assert reader.get(f"/formulas/{pk}").json()["formula_code"] is None
    assert client_of(admin).get(f"/formulas/{pk}").json()["formula_code"]


def test_an_administrator_who_opens_private_code_is_on_record(
    person: Any, client_of: Any, formula_of: Any, client: Any
) -> None:
    ann, root = person("ann"), person("root", role="admin")
    private, public = formula_of(ann, is_public=False)["id"], formula_of(ann)["id"]
    reader = client_of(root)

    def looks() -> list[tuple[int | None, str]]:
        entries = AuditEntry.objects.filter(action="formula.code_read").order_by("seq")
        return list(entries.values_list("actor_id", "target"))

    for query in ({}, {"search": "Crossing"}):
        listed = reader.get("/formulas", query).json()["results"]
        assert {row["id"]: row["formula_code"] is not None for row in listed} == {private: False, public: True}
    assert reader.get(f"/formulas/{public}").json()["formula_code"]
    assert client_of(ann).get(f"/formulas/{private}").json()["formula_code"]
    assert looks() == []
    seen = (root.pk, f"formula:{private}")
    assert reader.get(f"/formulas/{private}").json()["formula_code"]
    assert reader.get(f"/formulas/{private}/versions").json()["results"][0]["formula_code"]
    assert reader.post(f"/formulas/{private}/duplicate").status_code == 201
    assert looks() == [seen] * 3
    client.force_login(root)
    version = FormulaVersion.objects.get(formula_id=private)
    for page in (f"formula/{private}", f"formulaversion/{version.pk}", f"formula/{public}"):
        assert client.get(f"/admin/formulas/{page}/change/").status_code == 200
    assert [target for _, target in looks()[3:]] == [f"formula:{private}"] * 2


def test_only_a_change_of_code_makes_a_version(person: Any, client_of: Any, formula_of: Any) -> None:
    ann = person("ann")
    pk = formula_of(ann)["id"]
    client = client_of(ann)
    assert client.patch(f"/formulas/{pk}", {"name": "Renamed"}).json()["version"] == 1
    assert client.patch(f"/formulas/{pk}", {"formula_code": "if close > open: buy()"}).json()["version"] == 2
    versions = client.get(f"/formulas/{pk}/versions").json()["results"]
    assert [version["number"] for version in versions] == [2, 1]
    assert versions[0]["version_hash"] != versions[1]["version_hash"]
    refused = client.patch(f"/formulas/{pk}", {"name": "Half", "formula_code": "if"})
    assert refused.status_code == 400
    assert client.get(f"/formulas/{pk}").json()["name"] == "Renamed", "nothing of a refused change is kept"


def test_two_editors_cannot_overwrite_each_other_unseen(person: Any, client_of: Any, formula_of: Any) -> None:
    ann = person("ann")
    client, pk = client_of(ann), formula_of(ann)["id"]
    seen = client.get(f"/formulas/{pk}")["ETag"]
    first = client.patch(f"/formulas/{pk}", {"name": "First"}, HTTP_IF_MATCH=seen)
    assert first.status_code == 200
    second = client.patch(f"/formulas/{pk}", {"name": "Second"}, HTTP_IF_MATCH=seen)
    assert (second.status_code, second.json()["code"]) == (412, "stale_version")
    assert client.patch(f"/formulas/{pk}", {"name": "Second"}, HTTP_IF_MATCH=first["ETag"]).status_code == 200


def test_a_repeat_with_the_same_key_creates_nothing_more(person: Any, client_of: Any) -> None:
    client = client_of(person())
    first = client.post("/formulas", RSI, HTTP_IDEMPOTENCY_KEY="once")
    again = client.post("/formulas", RSI, HTTP_IDEMPOTENCY_KEY="once")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"
    other = client.post("/formulas", {**RSI, "name": "Other"}, HTTP_IDEMPOTENCY_KEY="once")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert client.get("/formulas").json()["total"] == 1


def test_a_refused_request_does_not_use_up_its_key(person: Any, client_of: Any) -> None:
    client = client_of(person())
    assert client.post("/formulas", {**RSI, "name": ""}, HTTP_IDEMPOTENCY_KEY="k").status_code == 400
    assert client.post("/formulas", RSI, HTTP_IDEMPOTENCY_KEY="k").status_code == 201


def test_lists_are_narrowed_searched_and_ordered(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob = person("ann"), person("bob")
    formula_of(ann, name="Alpha", category="technical", tags=["rsi", "fast"])
    formula_of(ann, name="Beta", category="trend", tags=["sma"])
    formula_of(bob, name="Gamma", category="technical", tags=["rsi"])
    client = client_of(bob)

    def names(**query: Any) -> list[str]:
        return [row["name"] for row in client.get("/formulas", query).json()["results"]]

    assert names(ordering="name") == ["Alpha", "Beta", "Gamma"]
    assert names(ordering="-name", size=1) == ["Gamma"]
    assert names(category="technical", ordering="name") == ["Alpha", "Gamma"]
    assert names(tags="sma,fast", ordering="name") == ["Alpha", "Beta"]
    assert names(search="RSI", ordering="name") == ["Alpha", "Gamma"]
    assert names(author="bob") == ["Gamma"]
    assert names(min_performance_score=1) == []
    assert client.get("/formulas/categories").json() == ["technical", "trend"]
    assert client.get("/formulas/tags").json() == ["fast", "rsi", "sma"]
    assert client.get("/formulas", {"ordering": "author__password"}).status_code == 400
    page = client.get("/formulas", {"size": 2, "page": 2}).json()
    assert (page["total"], page["total_pages"], len(page["results"])) == (3, 2, 1)
    assert page["previous"].startswith("http://testserver/formulas?")


def test_a_list_costs_the_same_whatever_its_length(
    person: Any, client_of: Any, formula_of: Any, django_assert_max_num_queries: Any
) -> None:
    ann = person("ann")
    for number in range(12):
        formula_of(ann, name=f"F{number}", tags=[f"t{number}"])
    with django_assert_max_num_queries(6):
        assert len(client_of(ann).get("/formulas").json()["results"]) == 12


def test_a_formula_others_rely_on_is_retired_instead_of_deleted(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob = person("ann"), person("bob")
    lonely, followed = formula_of(ann)["id"], formula_of(ann)["id"]
    client_of(bob).post("/subscriptions", {"formula_id": followed})
    for pk in (lonely, followed):
        assert client_of(ann).delete(f"/formulas/{pk}").status_code == 204
    assert client_of(ann).get(f"/formulas/{lonely}").status_code == 404
    assert client_of(bob).get(f"/formulas/{followed}").status_code == 200, "its subscriber still reads it"
    assert client_of(person("eve")).get(f"/formulas/{followed}").status_code == 404
    deploy = {"formula_id": followed, "symbol": "ACME", "resolution": "1D"}
    assert client_of(ann).post("/deployments", deploy).status_code in {400, 409}
