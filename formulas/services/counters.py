"""What is counted of a formula: its followers and its reviews, exact while many come and go at once."""

from django.db import transaction
from django.db.models import Avg, Count

from formulas.models import Formula


def locked(formula_id: int) -> Formula | None:
    """The formula, kept from everybody else who changes followers or reviews of it until the transaction ends.

    To be taken before any row of theirs: two who lock in one order cannot wait for each other.
    """
    return Formula.objects.select_for_update(no_key=True).filter(pk=formula_id).first()


def count_subscribers(formula: Formula) -> None:
    """Count the active subscribers of a `locked` formula anew; its author's own subscription is none."""
    others = formula.subscriptions.filter(is_active=True).exclude(user_id=formula.author_id)
    Formula.objects.filter(pk=formula.pk).update(total_subscribers=others.count())


def count_reviews(formula: Formula) -> None:
    """Count and average the reviews of a `locked` formula anew; its author's own is none."""
    others = formula.reviews.exclude(user_id=formula.author_id)
    figures = others.aggregate(total_reviews=Count("pk"), average_rating=Avg("rating"))
    Formula.objects.filter(pk=formula.pk).update(**figures)


@transaction.atomic
def count_anew(formula_id: int) -> None:
    """Count followers and reviews of a formula, whoever changed them."""
    if formula := locked(formula_id):
        count_subscribers(formula)
        count_reviews(formula)
