"""Every write to subscriptions."""

from typing import Any

from django.db import transaction

from formulas.errors import AlreadySubscribed, FormulaNotFound, FormulaRetired, NotSubscribed
from formulas.events import SubscriptionChanged
from formulas.models import Formula, Subscription
from formulas.services.counters import count_subscribers, locked
from kernel.events import publish


@transaction.atomic
def subscribe_to_formula(*, user: Any, formula: Formula) -> Subscription:
    """Follow a formula; raises `AlreadySubscribed`, `FormulaRetired`, `FormulaNotFound`."""
    # It may have been retired or deleted since the caller looked.
    still_there = locked(formula.pk)
    if still_there is None:
        raise FormulaNotFound
    if still_there.is_retired:
        raise FormulaRetired
    subscription, is_new = Subscription.objects.get_or_create(user=user, formula=formula)
    if not is_new:
        raise AlreadySubscribed
    count_subscribers(still_there)
    subscription.formula.refresh_from_db(fields=["total_subscribers"])
    _tell(subscription)
    return subscription


def _own_subscription(user: Any, formula_id: int) -> tuple[Formula, Subscription]:
    """The locked formula and the subscription of `user` to it; raises `NotSubscribed`."""
    formula = locked(formula_id)
    rows = Subscription.objects.visible_to(user).select_for_update(of=("self",)).select_related("formula__author")
    subscription = rows.filter(formula_id=formula_id).first()
    if formula is None or subscription is None:
        raise NotSubscribed
    return formula, subscription


@transaction.atomic
def change_subscription(*, user: Any, formula_id: int, notify: bool) -> Subscription:
    """Say whether the formula's signals are sent to `user` as notifications; raises `NotSubscribed`."""
    _, subscription = _own_subscription(user, formula_id)
    subscription.notify = notify
    subscription.save(update_fields=["notify"])
    _tell(subscription)
    return subscription


@transaction.atomic
def toggle_subscription(*, user: Any, formula_id: int) -> Subscription:
    """Switch a subscription on or off; raises `NotSubscribed`."""
    formula, subscription = _own_subscription(user, formula_id)
    subscription.is_active = not subscription.is_active
    subscription.save(update_fields=["is_active"])
    count_subscribers(formula)
    subscription.formula.refresh_from_db(fields=["total_subscribers"])
    _tell(subscription)
    return subscription


@transaction.atomic
def unsubscribe_from_formula(*, user: Any, formula_id: int) -> None:
    """End a subscription; raises `NotSubscribed`."""
    _, subscription = _own_subscription(user, formula_id)
    subscription.is_active = False
    _tell(subscription)
    subscription.delete()


def _tell(subscription: Subscription) -> None:
    is_active = subscription.is_active and subscription.notify
    publish(SubscriptionChanged(user_id=subscription.user_id, formula_id=subscription.formula_id, is_active=is_active))
