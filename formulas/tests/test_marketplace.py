"""The marketplace over REST: what is found, in which order, by whom, and what nobody is told."""

import json
from decimal import Decimal
from typing import Any

import pytest

from accounts.services import delete_user
from formulas.models import Formula, Review, Subscription

pytestmark = pytest.mark.django_db

# Alpha and Beta were rated by their record, Gamma and Delta have none yet.
SCORES = {"Alpha": "71.50", "Beta": "12.00", "Gamma": None, "Delta": None}


@pytest.fixture
def market_of(person: Any, formula_of: Any) -> dict[str, Any]:
    """Four formulas of Ann's, by name."""
    ann = person("ann")
    made = {name: formula_of(ann, name=name) for name in SCORES}
    for name, score in SCORES.items():
        Formula.objects.filter(name=name).update(performance_score=score and Decimal(score))
    return made


def names(client: Any, **query: Any) -> list[str]:
    answer = client.get("/api/v1/formulas", query)
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def test_what_is_unrated_stands_last_whichever_way_the_list_goes(
    person: Any, client_of: Any, market_of: dict[str, Any]
) -> None:
    client = client_of(person("bob"))
    assert names(client, ordering="-performance_score") == ["Alpha", "Beta", "Delta", "Gamma"]
    assert names(client, ordering="performance_score") == ["Beta", "Alpha", "Gamma", "Delta"]
    assert names(client, ordering="-created_at") == ["Delta", "Gamma", "Beta", "Alpha"]


def test_equal_formulas_keep_their_places_from_page_to_page(person: Any, client_of: Any, formula_of: Any) -> None:
    ann = person("ann")
    made = [formula_of(ann, name="Same")["id"] for _ in range(7)]
    client = client_of(ann)
    for ordering in ("-performance_score", "-total_subscribers", "-average_rating", "name", ""):
        seen = [
            row["id"]
            for page in (1, 2, 3, 4)
            for row in client.get("/formulas", {"ordering": ordering, "size": 2, "page": page}).json()["results"]
        ]
        assert sorted(seen) == made, ordering


def test_scores_bound_a_list_and_leave_the_unrated_out(person: Any, client_of: Any, market_of: dict[str, Any]) -> None:
    client = client_of(person("bob"))
    assert names(client, min_performance_score=12, ordering="name") == ["Alpha", "Beta"]
    assert names(client, min_performance_score=12.01) == ["Alpha"]
    assert names(client, max_performance_score=50) == ["Beta"]
    for wrong in ("x", "-1", "101", "NaN"):
        assert client.get("/formulas", {"min_performance_score": wrong}).status_code == 400


def test_the_most_followed_and_the_best_rated_come_first(
    person: Any, client_of: Any, market_of: dict[str, Any]
) -> None:
    readers = [client_of(person(name)) for name in ("bob", "cat", "dan")]
    for name, ratings in {"Beta": [5], "Gamma": [5, 5], "Delta": [4, 4, 4]}.items():
        for reader, rating in zip(readers, ratings, strict=False):
            pk = market_of[name]["id"]
            reader.post("/subscriptions", {"formula_id": pk})
            assert reader.post("/reviews", {"formula_id": pk, "rating": rating}).status_code == 201
    client = readers[0]
    assert names(client, ordering="-total_subscribers") == ["Delta", "Gamma", "Beta", "Alpha"]
    assert names(client, ordering="-average_rating") == ["Gamma", "Beta", "Delta", "Alpha"], "more votes weigh more"
    assert names(client, ordering="average_rating") == ["Delta", "Beta", "Gamma", "Alpha"]


def test_a_search_finds_names_before_tags_and_tags_before_descriptions(
    person: Any, client_of: Any, formula_of: Any
) -> None:
    ann = person("ann")
    formula_of(ann, name="Other", description="Not an RSI but its cousin")
    formula_of(ann, name="Tagged", tags=["rsi"])
    formula_of(ann, name="A fast rsi")
    formula_of(ann, name="RSI and more")
    formula_of(ann, name="Rsi")
    formula_of(ann, name="Nothing of the kind")
    client = client_of(ann)
    assert names(client, search="rsi") == ["Rsi", "RSI and more", "A fast rsi", "Tagged", "Other"]
    assert names(client, search="cousin RSI") == ["Other"], "each word must be there, in any order"
    assert names(client, search="rsi", ordering="name")[0] == "A fast rsi", "who names an order gets it"
    assert names(client, search="100%_") == []


def test_the_other_way_to_order_is_understood(person: Any, client_of: Any, market_of: dict[str, Any]) -> None:
    client = client_of(person("bob"))
    assert names(client, sort_by="performance_score") == ["Alpha", "Beta", "Delta", "Gamma"]
    assert names(client, sort_by="performance_score", sort_order="asc") == ["Beta", "Alpha", "Gamma", "Delta"]
    assert names(client, sort_by="created_at", sort_order="asc", size=1) == ["Alpha"]
    assert client.get("/formulas", {"sort_by": "author__password"}).status_code == 400
    assert client.get("/formulas", {"sort_by": "created_at", "sort_order": "up"}).status_code == 400
    assert client.get("/formulas/categories/list").json() == client.get("/formulas/categories").json()
    assert client.get("/formulas/tags/list").json() == client.get("/formulas/tags").json()


def test_ones_own_and_ones_followed_formulas_have_lists(
    person: Any, client_of: Any, formula_of: Any, market_of: dict[str, Any]
) -> None:
    bob = person("bob")
    client = client_of(bob)
    own = formula_of(bob, name="Bobs", is_public=False)
    for name in ("Alpha", "Beta"):
        client.post("/subscriptions", {"formula_id": market_of[name]["id"]})
    client.post(f"/subscriptions/{market_of['Beta']['id']}/toggle")
    mine = client.get("/formulas/my/formulas").json()
    assert ([row["id"] for row in mine["results"]], mine["total"]) == ([own["id"]], 1)
    followed = client.get("/subscriptions/formulas").json()["results"]
    assert [row["name"] for row in followed] == ["Alpha"]
    assert followed[0]["formula_code"], "an active subscriber reads the code"
    assert names(client, is_subscribed="true") == ["Alpha"]
    assert "Alpha" not in names(client, is_subscribed="false")


def test_where_one_stands_with_a_formula_is_told(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob = person("ann"), person("bob")
    pk, hidden = formula_of(ann)["id"], formula_of(ann, is_public=False)["id"]
    client = client_of(bob)
    assert client.get(f"/subscriptions/{pk}/status").json() == {
        "formula_id": pk,
        "is_subscribed": False,
        "subscription": None,
    }
    client.post("/subscriptions", {"formula_id": pk})
    assert client.get(f"/subscriptions/{pk}/status").json()["is_subscribed"] is True
    client.post(f"/subscriptions/{pk}/toggle")
    told = client.get(f"/subscriptions/{pk}/status").json()
    assert (told["is_subscribed"], told["subscription"]["is_active"]) == (False, False)
    assert client.get(f"/subscriptions/{hidden}/status").status_code == 404


def test_a_copy_is_private_and_only_for_those_who_may_read_the_code(
    person: Any, client_of: Any, formula_of: Any
) -> None:
    ann, bob = person("ann"), person("bob")
    original = formula_of(ann, name="x" * 120, category="trend", tags=["sma"])
    client = client_of(bob)
    path = f"/formulas/{original['id']}/duplicate"
    refused = client.post(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "may_not_copy")
    client.post("/subscriptions", {"formula_id": original["id"]})
    made = client.post(path)
    assert made.status_code == 201
    copy = made.json()
    assert (copy["created_by"]["id"], copy["is_public"], copy["version"]) == (bob.pk, False, 1)
    assert (copy["formula_code"], copy["tags"], copy["category"]) == (original["formula_code"], ["sma"], "trend")
    assert (len(copy["name"]), copy["name"].endswith("(copy)")) == (120, True)
    assert client_of(ann).get(f"/formulas/{copy['id']}").status_code == 404
    hidden = formula_of(ann, is_public=False)["id"]
    assert client.post(f"/formulas/{hidden}/duplicate").status_code == 404


def test_an_authors_own_subscription_and_review_never_count(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob = person("ann"), person("bob")
    pk = formula_of(ann)["id"]
    author, reader = client_of(ann), client_of(bob)
    author.post("/subscriptions", {"formula_id": pk})
    assert author.get(f"/formulas/{pk}").json()["total_subscribers"] == 0
    Review.objects.create(user=ann, formula_id=pk, rating=5)
    reader.post("/subscriptions", {"formula_id": pk})
    reader.post("/reviews", {"formula_id": pk, "rating": 2})
    shown = author.get(f"/formulas/{pk}").json()
    assert (shown["total_subscribers"], shown["total_reviews"], shown["average_rating"]) == (1, 1, 2.0)
    stats = reader.get(f"/reviews/formula/{pk}/stats").json()
    assert stats == {
        "formula_id": pk,
        "total_reviews": 1,
        "average_rating": 2.0,
        "rating_distribution": {"1": 0, "2": 1, "3": 0, "4": 0, "5": 0},
    }


def test_the_author_sees_a_number_and_no_names(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob, admin = person("ann"), person("bob"), person("root", role="admin")
    pk = formula_of(ann)["id"]
    reader = client_of(bob)
    reader.post("/subscriptions", {"formula_id": pk})
    own = reader.post("/reviews", {"formula_id": pk, "rating": 4, "comment": "Good", "is_anonymous": True}).json()
    assert own["user"]["username"] == "bob", "who wrote it knows"
    author = client_of(ann)
    for path in (f"/formulas/{pk}", "/formulas", f"/reviews/formula/{pk}", f"/reviews/formula/{pk}/stats"):
        answer = author.get(path)
        assert answer.status_code == 200
        assert "bob" not in json.dumps(answer.json()), path
    assert author.get("/subscriptions").json()["total"] == 0
    listed = author.get(f"/reviews/formula/{pk}").json()["results"][0]
    assert (listed["user"], listed["is_anonymous"], listed["comment"]) == (None, True, "Good")
    assert client_of(admin).get(f"/reviews/formula/{pk}").json()["results"][0]["user"]["username"] == "bob"
    signed = reader.put(f"/reviews/{own['id']}", {"is_anonymous": False}).json()
    assert signed["is_anonymous"] is False
    assert author.get(f"/reviews/formula/{pk}").json()["results"][0]["user"]["username"] == "bob"


def test_a_retired_formula_is_kept_for_its_subscribers_and_takes_no_more(
    person: Any, client_of: Any, formula_of: Any
) -> None:
    ann, bob, eve = person("ann"), person("bob"), person("eve")
    pk = formula_of(ann, name="Leaving")["id"]
    reader = client_of(bob)
    reader.post("/subscriptions", {"formula_id": pk})
    assert client_of(ann).delete(f"/formulas/{pk}").status_code == 204
    kept = reader.get(f"/formulas/{pk}").json()
    assert (kept["is_retired"], bool(kept["formula_code"])) == (True, True)
    assert reader.get("/subscriptions").json()["results"][0]["formula"]["is_retired"] is True
    for who in (ann, eve):
        assert client_of(who).post("/subscriptions", {"formula_id": pk}).status_code in {404, 409}
    assert Subscription.objects.filter(formula_id=pk).count() == 1
    assert names(client_of(eve), search="Leaving") == []
    assert reader.delete(f"/subscriptions/{pk}").status_code == 204
    assert reader.get(f"/formulas/{pk}").status_code == 404


def test_whoever_is_deleted_is_counted_no_more(person: Any, client_of: Any, formula_of: Any) -> None:
    ann, bob, cat = person("ann"), person("bob"), person("cat")
    pk = formula_of(ann)["id"]
    for user, rating in ((bob, 1), (cat, 5)):
        client_of(user).post("/subscriptions", {"formula_id": pk})
        client_of(user).post("/reviews", {"formula_id": pk, "rating": rating})
    delete_user(user=bob)
    shown = client_of(ann).get(f"/formulas/{pk}").json()
    assert (shown["total_subscribers"], shown["total_reviews"], shown["average_rating"]) == (1, 1, 5.0)


def test_a_review_that_has_just_gone_does_not_come_back_by_a_change(
    person: Any, client_of: Any, formula_of: Any
) -> None:
    from formulas.services import change_review
    from kernel.errors import NotFound

    ann, bob = person("ann"), person("bob")
    pk = formula_of(ann)["id"]
    client_of(bob).post("/subscriptions", {"formula_id": pk})
    client_of(bob).post("/reviews", {"formula_id": pk, "rating": 5})
    review = Review.objects.get()
    Review.objects.all().delete()
    with pytest.raises(NotFound):
        change_review(review=review, rating=1)
    assert Review.objects.count() == 0
    assert client_of(ann).get(f"/formulas/{pk}").json()["total_reviews"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/formulas",
        "/formulas?ordering=-performance_score",
        "/formulas?search=f&category=trend&tags=t1,t2&ordering=-average_rating",
        "/formulas/my/formulas",
        "/subscriptions",
        "/subscriptions/formulas",
        "/formulas/categories",
        "/formulas/tags",
    ],
)
def test_no_list_costs_more_queries_for_being_longer(
    person: Any, client_of: Any, formula_of: Any, django_assert_max_num_queries: Any, path: str
) -> None:
    ann, bob = person("ann"), person("bob")
    for number in range(8):
        pk = formula_of(ann, name=f"F{number}", category="trend", tags=[f"t{number}", "t1"])["id"]
        client_of(bob).post("/subscriptions", {"formula_id": pk})
    for user in (ann, bob):
        with django_assert_max_num_queries(6):
            assert client_of(user).get(path).status_code == 200
    with django_assert_max_num_queries(6):
        assert client_of(bob).get(f"/reviews/formula/{pk}").status_code == 200


def test_who_subscribes_is_counted_in_the_answer(person: Any, client_of: Any, formula_of: Any) -> None:
    formula = formula_of(person("ann"))
    reader = client_of(person("ben"))
    followed = reader.post("/api/v1/subscriptions/", {"formula_id": formula["id"]}).json()
    assert followed["formula"]["total_subscribers"] == 1
    assert reader.post(f"/api/v1/subscriptions/{formula['id']}/toggle").json()["formula"]["total_subscribers"] == 0
