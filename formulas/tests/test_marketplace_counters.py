"""The figures of a formula are those of its rows, however many people come, go and rate at the same moment."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from accounts.services import register_user
from formulas import services
from formulas.models import Formula, Review, Subscription
from kernel.errors import DomainError

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE, STEPS = 20, 6


def _come_and_go(user: User, formula: Formula, seed: int) -> None:
    """A few steps in an order of one's own; what cannot be done just now is refused."""
    choose = random.Random(seed)
    for _ in range(STEPS):
        step = choose.choice(STEPS_THERE_ARE)
        try:
            step(user, formula, choose.randint(1, 5))
        except DomainError:
            continue


def _delete_own_review(user: User, formula: Formula, _: int) -> None:
    for review in Review.objects.filter(user=user, formula=formula):
        services.delete_review(review=review)


def _change_own_review(user: User, formula: Formula, rating: int) -> None:
    for review in Review.objects.filter(user=user, formula=formula):
        services.change_review(review=review, rating=rating)


STEPS_THERE_ARE: list[Callable[[User, Formula, int], Any]] = [
    lambda user, formula, _: services.subscribe_to_formula(user=user, formula=formula),
    lambda user, formula, _: services.subscribe_to_formula(user=user, formula=formula),
    lambda user, formula, _: services.toggle_subscription(user=user, formula_id=formula.pk),
    lambda user, formula, _: services.unsubscribe_from_formula(user=user, formula_id=formula.pk),
    lambda user, formula, rating: services.review_formula(user=user, formula=formula, rating=rating),
    _change_own_review,
    _delete_own_review,
]


def test_twenty_who_come_go_and_rate_at_once_leave_exact_figures() -> None:
    people = [
        register_user(username=f"u{number}", email=f"u{number}@example.com", password="correct horse battery")
        for number in range(PEOPLE)
    ]
    author = people[0]
    formula = services.create_formula(author=author, name="Busy", formula_code="if close > open: buy()")
    _all_at_once([partial(_come_and_go, user, formula, seed) for seed, user in enumerate(people)])
    formula.refresh_from_db()
    subscribers = Subscription.objects.filter(formula=formula, is_active=True).exclude(user=author).count()
    ratings = [review.rating for review in Review.objects.filter(formula=formula)]
    assert subscribers, "the steps must have left something to count"
    assert ratings
    assert formula.total_subscribers == subscribers
    assert formula.total_reviews == len(ratings)
    assert formula.average_rating == pytest.approx(sum(ratings) / len(ratings))


def test_nobody_gets_in_while_a_formula_is_being_retired() -> None:
    author, *others = [
        register_user(username=f"u{number}", email=f"u{number}@example.com", password="correct horse battery")
        for number in range(8)
    ]
    formula = services.create_formula(author=author, name="Leaving", formula_code="if close > open: buy()")
    services.subscribe_to_formula(user=others[0], formula=formula)

    def subscribe(user: User) -> None:
        try:
            services.subscribe_to_formula(user=user, formula=formula)
        except DomainError:
            return

    come = [partial(subscribe, user) for user in others[1:]]
    _all_at_once([*come[:3], partial(services.delete_formula, formula=formula), *come[3:]])
    formula.refresh_from_db()
    assert formula.is_retired
    assert formula.total_subscribers == Subscription.objects.filter(formula=formula).count()
    before = formula.total_subscribers
    for user in others:
        subscribe(user)
    formula.refresh_from_db()
    assert formula.total_subscribers == before


def _all_at_once(works: list[Callable[[], Any]]) -> None:
    """Each on a thread and a connection of its own, from one starting line; what goes wrong in one is raised here."""
    line = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        line.wait(20)
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result(60)
