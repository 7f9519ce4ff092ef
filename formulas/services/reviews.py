"""Every write to reviews."""

from typing import Any

from django.db import transaction

from formulas.errors import AlreadyReviewed, MayNotReview, ReviewNotFound
from formulas.models import Formula, Review, Subscription
from formulas.services.counters import count_reviews, locked


@transaction.atomic
def review_formula(
    *, user: Any, formula: Formula, rating: int, comment: str = "", is_anonymous: bool = False
) -> Review:
    """Rate a formula one subscribes to; raises `MayNotReview`, `AlreadyReviewed`."""
    kept = locked(formula.pk)
    subscribes = Subscription.objects.filter(user=user, formula=formula).exists()
    if kept is None or kept.author_id == user.pk or not subscribes:
        raise MayNotReview
    review, is_new = Review.objects.get_or_create(
        user=user,
        formula=formula,
        defaults={"rating": rating, "comment": comment, "is_anonymous": is_anonymous},
    )
    if not is_new:
        raise AlreadyReviewed
    count_reviews(kept)
    return review


@transaction.atomic
def change_review(*, review: Review, **fields: Any) -> Review:
    """Change rating, comment or signature of a review; raises `ReviewNotFound` where it has just been deleted."""
    formula = locked(review.formula_id)
    current = Review.objects.select_related("user").filter(pk=review.pk).first()
    if formula is None or current is None:
        raise ReviewNotFound
    for name, value in fields.items():
        setattr(current, name, value)
    current.save()
    count_reviews(formula)
    return current


@transaction.atomic
def delete_review(*, review: Review) -> None:
    """Take a review back."""
    locked(review.formula_id)
    Review.objects.filter(pk=review.pk).delete()
