"""The control panel shows formulas as people read them, and changes no more of one than what was edited."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from formulas import services
from formulas.models import Formula, Review, Signal
from formulas.tests.conftest import FIRST_DAY, UP_AND_DOWN, Market

pytestmark = pytest.mark.django_db


@pytest.fixture
def panel(person: Any) -> Client:
    boss = person("boss", role="admin")
    boss.is_superuser = boss.is_staff = True
    boss.save()
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def formula(person: Any, market: Market) -> Formula:
    """A formula that runs, and has raised a signal on the first of its bars."""
    market.close_bars(UP_AND_DOWN)
    formula = services.create_formula(author=person("ann"), name="Panelled", formula_code="if close > open: buy()")
    deployment = services.deploy_formula(formula=formula, instrument=market.instrument, resolution="1D")
    Signal.objects.create(
        deployment=deployment, formula=formula, version=formula.version, instrument=market.instrument, resolution="1D",
        side="buy", action="buy", price=Decimal("12.50000000"), strength=Decimal("0.5000"), bar_time=FIRST_DAY,
        closed_at=FIRST_DAY + 86_400,
    )  # fmt: skip
    return formula


@pytest.mark.parametrize("model", ["signal", "deployment"])
def test_prices_have_no_idle_zeros_and_bars_have_dates(panel: Client, formula: Formula, model: str) -> None:
    row = formula.signals.get() if model == "signal" else formula.deployments.get()
    for path in (f"/admin/formulas/{model}/", f"/admin/formulas/{model}/{row.pk}/change/"):
        shown = panel.get(path).content.decode()
        assert str(FIRST_DAY) not in shown, path
        assert "12.50000000" not in shown
    listed = panel.get(f"/admin/formulas/{model}/").content.decode()
    assert ("12.5" in listed and "2001-01-01 00:00" in listed) if model == "signal" else "2001-01-10 00:00" in listed


def test_an_edit_leaves_what_has_moved_meanwhile(panel: Client, formula: Formula) -> None:
    path = f"/admin/formulas/formula/{formula.pk}/change/"
    form = panel.get(path).context["adminform"].form
    body = {name: form[name].value() for name in form.fields if name != "tags"}
    total = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    Formula.objects.filter(pk=formula.pk).update(performance_score=Decimal("55.5"), total_subscribers=7)
    answer = panel.post(path, {**body, **total, "name": "Renamed", "is_public": "on"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    formula.refresh_from_db()
    assert (formula.name, formula.performance_score, formula.total_subscribers) == ("Renamed", Decimal("55.5"), 7)
    assert "55.5" in panel.get("/admin/formulas/formula/").content.decode()


def test_a_formula_is_retired_with_all_that_runs_of_it(panel: Client, formula: Formula) -> None:
    chosen = {"action": "retire", "_selected_action": [formula.pk]}
    assert panel.post("/admin/formulas/formula/", chosen).status_code == 302
    formula.refresh_from_db()
    assert formula.is_retired
    assert {one.status for one in formula.deployments.all()} == {"stopped"}


def test_a_moderated_review_is_counted_as_it_is_then(panel: Client, formula: Formula, person: Any) -> None:
    bob = person("bob")
    services.subscribe_to_formula(user=bob, formula=formula)
    review = services.review_formula(user=bob, formula=formula, rating=5, comment="Rude")
    path = f"/admin/formulas/review/{review.pk}"
    assert panel.post(f"{path}/change/", {"rating": 2, "comment": "Cleaned"}).status_code == 302
    formula.refresh_from_db()
    assert (formula.average_rating, Review.objects.get().comment) == (2.0, "Cleaned")
    assert panel.post(f"{path}/delete/", {"post": "yes"}).status_code == 302
    formula.refresh_from_db()
    assert (formula.total_reviews, formula.average_rating) == (0, None)
