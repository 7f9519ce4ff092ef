"""A signal reaches the formula's subscribers, and nobody else."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from formulas.events import SignalRaised, SubscriptionChanged
from formulas.models import Formula, Subscription
from notifications import handlers
from notifications.models import Notification, Priority


@pytest.fixture
def formula(person: Callable[..., User]) -> Formula:
    return Formula.objects.create(author=person("author"), name="Dip buyer")


def signal(formula: Formula, **fields: Any) -> SignalRaised:
    values: dict[str, Any] = {
        "signal_id": 91,
        "deployment_id": 4,
        "formula_id": formula.pk,
        "formula_name": formula.name,
        "instrument_id": 1,
        "symbol": "AAPL",
        "resolution": "1D",
        "side": "buy",
        "price": Decimal("187.44000000"),
        "bar_time": 1_700_000_000,
        "closed_at": 1_700_086_400,
        "reason": [{"expression": "rsi(close, 14)", "value": 28.41234567}, {"expression": "rsi < 30", "value": True}],
    }
    return SignalRaised(**{**values, **fields})


def follow(user: User, formula: Formula, **fields: Any) -> None:
    Subscription.objects.update_or_create(user=user, formula=formula, defaults=fields)
    handlers.follow_subscription(SubscriptionChanged(user_id=user.pk, formula_id=formula.pk, is_active=True))


def test_a_signal_is_one_row_however_many_follow_the_formula(formula: Formula, person: Callable[..., User]) -> None:
    people = [person(name) for name in ("ann", "ben", "cid")]
    for user in people:
        follow(user, formula)
    handlers.notify_subscribers(signal(formula))
    row = Notification.objects.get()
    assert (row.stream.name, row.type, row.priority) == (f"formula:{formula.pk}", "trade_signal", Priority.HIGH)
    assert (row.title, row.symbol, row.source) == ("BUY AAPL at 187.44", "AAPL", "formula")
    assert row.message == "Dip buyer says buy AAPL (1D) at 187.44: rsi(close, 14) = 28.4123, rsi < 30."
    assert row.data == {
        "signal_id": 91,
        "formula_id": formula.pk,
        "formula_name": "Dip buyer",
        "deployment_id": 4,
        "side": "buy",
        "price": 187.44,
        "resolution": "1D",
        "bar_time": "2023-11-14T22:13:20Z",
        "reason": signal(formula).reason,
    }
    for user in people:
        assert Notification.objects.visible_to(user).get() == row


@pytest.mark.parametrize(
    ("price", "increment", "told"),
    [
        ("84.5886", "0.01", "84.59"),
        ("10", "0.05", "10.00"),
        ("1.0843512", "0.00001", "1.08435"),
        ("41250.5", "5", "41250"),
    ],
)
def test_a_price_is_told_with_the_decimals_of_its_instrument(
    formula: Formula, price: str, increment: str, told: str
) -> None:
    handlers.notify_subscribers(signal(formula, price=Decimal(price), price_increment=Decimal(increment)))
    row = Notification.objects.get()
    assert row.title == f"BUY AAPL at {told}"
    assert f" at {told}: " in row.message
    assert row.data["price"] == float(price), "the number itself stays exact"


def test_a_signal_that_is_handled_twice_is_told_once(formula: Formula) -> None:
    handlers.notify_subscribers(signal(formula))
    handlers.notify_subscribers(signal(formula))
    handlers.notify_subscribers(signal(formula, signal_id=92))
    assert list(Notification.objects.order_by("seq").values_list("seq", "dedup_key")) == [
        (1, "signal:91"),
        (2, "signal:92"),
    ]


def test_those_who_do_not_follow_the_formula_hear_nothing(formula: Formula, person: Callable[..., User]) -> None:
    stranger, paused, muted = person("stranger"), person("paused"), person("muted")
    follow(paused, formula, is_active=True)
    follow(paused, formula, is_active=False)
    follow(muted, formula, notify=False)
    handlers.notify_subscribers(signal(formula))
    for user in (stranger, paused, muted, formula.author):
        assert not Notification.objects.visible_to(user).exists(), user


def test_a_subscription_event_that_comes_late_does_not_undo_a_newer_one(
    formula: Formula, person: Callable[..., User]
) -> None:
    ann = person("ann")
    follow(ann, formula)
    Subscription.objects.all().delete()
    handlers.follow_subscription(SubscriptionChanged(user_id=ann.pk, formula_id=formula.pk, is_active=False))
    handlers.follow_subscription(SubscriptionChanged(user_id=ann.pk, formula_id=formula.pk, is_active=True))
    handlers.notify_subscribers(signal(formula))
    assert not Notification.objects.visible_to(ann).exists()


def test_events_of_somebody_who_is_gone_are_no_fault(formula: Formula) -> None:
    handlers.follow_subscription(SubscriptionChanged(user_id=10**9, formula_id=formula.pk, is_active=True))
    handlers.move_streams(handlers.UserChanged(user_id=10**9))
