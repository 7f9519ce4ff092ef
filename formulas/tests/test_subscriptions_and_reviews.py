"""Following formulas and reviewing them."""

from typing import Any

import pytest

pytestmark = pytest.mark.django_db


def test_subscribing_toggling_and_leaving(person: Any, client_of: Any, formula_of: Any) -> None:
    pk = formula_of(person("ann"))["id"]
    client = client_of(person("bob"))
    made = client.post("/subscriptions/", {"formula_id": pk})
    assert made.status_code == 201
    assert set(made.json()) == {"id", "formula_id", "formula", "is_active", "notify", "created_at"}
    assert client.post("/subscriptions/", {"formula_id": pk}).status_code == 409
    assert client.get("/subscriptions/").json()["total"] == 1
    assert client.get(f"/formulas/{pk}").json()["total_subscribers"] == 1
    assert client.post(f"/subscriptions/{pk}/toggle").json()["is_active"] is False
    assert client.get(f"/formulas/{pk}").json()["total_subscribers"] == 0
    assert client.patch(f"/subscriptions/{pk}", {"notify": False}).json()["notify"] is False
    assert client.delete(f"/subscriptions/{pk}").status_code == 204
    assert client.delete(f"/subscriptions/{pk}").status_code == 404


def test_nobody_sees_or_touches_anothers_subscription(person: Any, client_of: Any, formula_of: Any) -> None:
    pk = formula_of(person("ann"))["id"]
    client_of(person("bob")).post("/subscriptions/", {"formula_id": pk})
    for user in (person("eve"), person("olga", role="operator")):
        other = client_of(user)
        assert other.get("/subscriptions/").json()["total"] == 0
        assert other.delete(f"/subscriptions/{pk}").status_code == 404
        assert other.post(f"/subscriptions/{pk}/toggle").status_code == 404
        assert other.patch(f"/subscriptions/{pk}", {"notify": False}).status_code == 404


@pytest.mark.parametrize("formula_id", [0, -1, "x", 2**70, None, [1], 1.5])
def test_an_id_that_is_none_is_refused(person: Any, client_of: Any, formula_id: Any) -> None:
    response = client_of(person()).post("/subscriptions/", {"formula_id": formula_id})
    assert response.status_code == 400


def test_subscribers_review_once_and_authors_never(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob, eve = person("ann"), person("bob"), person("eve")
    pk = formula_of(ann)["id"]
    body = {"formula_id": pk, "rating": 5, "comment": "Great strategy, very profitable!"}
    for user in (ann, bob):
        client_of(user).post("/subscriptions/", {"formula_id": pk})
    assert client_of(ann).post("/reviews/", body).status_code == 403
    assert client_of(eve).post("/reviews/", body).status_code == 403
    review = client_of(bob).post("/reviews/", body)
    assert review.status_code == 201
    assert client_of(bob).post("/reviews/", body).status_code == 409
    assert client_of(bob).post("/reviews/", {**body, "rating": 6}).json()["errors"].keys() == {"rating"}
    listed = client_of(eve).get(f"/reviews/formula/{pk}").json()
    assert (listed["total"], listed["results"][0]["rating"]) == (1, 5)
    assert client_of(eve).get(f"/formulas/{pk}").json()["average_rating"] == 5.0
    own = f"/reviews/{review.json()['id']}"
    assert client_of(eve).put(own, {"rating": 1}).status_code == 404
    assert client_of(eve).delete(own).status_code == 404
    assert client_of(bob).put(own, {"rating": 3}).json()["rating"] == 3
    assert client_of(bob).delete(own).status_code == 204
    assert client_of(eve).get(f"/formulas/{pk}").json()["total_reviews"] == 0


def test_ones_own_review_is_found_however_many_there_are(person: Any, client_of: Any, formula_of: Any) -> None:
    pk = formula_of(person("ann"))["id"]
    for name in ("bob", "eve", "joe"):
        client = client_of(person(name))
        client.post("/subscriptions/", {"formula_id": pk})
        client.post("/reviews/", {"formula_id": pk, "rating": 4, "comment": name, "is_anonymous": name == "bob"})
        path = f"/reviews/formula/{pk}"
        assert [row["comment"] for row in client.get(path, {"is_mine": "true"}).json()["results"]] == [name]
    assert [row["comment"] for row in client.get(path, {"is_mine": False}).json()["results"]] == ["eve", "bob"]
    assert client.get(path).json()["total"] == 3
    assert client.get(path, {"is_mine": "perhaps"}).json()["errors"].keys() == {"is_mine"}
    assert client_of(person("zoe")).get(path, {"is_mine": True}).json()["total"] == 0
