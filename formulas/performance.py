"""What the live record of a formula shows, and to whom."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Prefetch, QuerySet

from formulas.engine.metrics import drawdown
from formulas.errors import NotPublished, PerformanceNotShown
from formulas.models import Formula, Publication, PublishedSymbol, RecordDay, Subscription
from formulas.scoring import trials_of
from kernel.permissions import ADMIN, Person, has_role


def check_may_see_performance(user: Person, formula: Formula) -> None:
    """Raise `PerformanceNotShown` where `PUBLISH_PERFORMANCE` keeps the returns from `user`, who sees the formula."""
    if settings.PUBLISH_PERFORMANCE == "public" or formula.author_id == user.pk or has_role(user, ADMIN):
        return
    follows = Subscription.objects.filter(user_id=user.pk, formula=formula, is_active=True)
    if settings.PUBLISH_PERFORMANCE == "private" or not follows.exists():
        raise PerformanceNotShown


def publications_of(formula: Formula) -> QuerySet[Publication]:
    """What was ever published of a formula, newest first, with its universe and days."""
    symbols = PublishedSymbol.objects.select_related("instrument")
    related = ("version", "formula", "clone_of__formula__author")
    return formula.publications.select_related(*related).prefetch_related(Prefetch("symbols", queryset=symbols), "days")


def newest_publication(formula: Formula) -> Publication:
    """What is on record now, or was last; raises `NotPublished`."""
    found = publications_of(formula).first()
    if found is None:
        raise NotPublished
    return found


def performance_of(formula: Formula) -> dict[str, Any]:
    """The record since publication: `score`, `trials`, `publication`, `summary`, `days`, and `earlier` publications.

    `score` is that of the formula, null while unrated; `provisional_score` also counts days that are not verified.
    """
    published = list(publications_of(formula))
    newest = published[0] if published else None
    days = list(newest.days.all()) if newest else []
    return {
        "formula_id": formula.pk,
        "score": None if formula.performance_score is None else float(formula.performance_score),
        "provisional_score": newest.score if newest else None,
        "score_parts": newest.score_parts if newest else {},
        "trials": trials_of(newest) if newest else 0,
        "publication": newest,
        "summary": _summary(days),
        "days": _curve(days),
        "earlier": [{"publication": one, "summary": _summary(list(one.days.all()))} for one in published[1:]],
    }


def _summary(days: Sequence[RecordDay]) -> dict[str, Any]:
    equity, market = _grown([day.net_return for day in days]), _grown([day.market_return for day in days])
    return {
        "days": len(days),
        "trades": sum(day.closed_trades for day in days),
        "total_return": float(equity[-1]) - 1.0 if days else None,
        "market_return": float(market[-1]) - 1.0 if days else None,
        "max_drawdown": float(drawdown(1.0, equity).min()) if days else None,
    }


def _curve(days: Sequence[RecordDay]) -> list[dict[str, Any]]:
    """Each day, with what 1 at publication has become by its end: `equity`, and held for good `market`."""
    equity = _grown([day.net_return for day in days]).tolist()
    market = _grown([day.market_return for day in days]).tolist()
    return [
        {
            "day": day.day,
            "net_return": day.net_return,
            "exposure": day.exposure,
            "market_return": day.market_return,
            "closed_trades": day.closed_trades,
            "equity": own,
            "market": held,
            "hash": day.hash,
        }
        for day, own, held in zip(days, equity, market, strict=True)
    ]


def _grown(returns: Sequence[float]) -> Any:
    return np.cumprod(1.0 + np.array(returns, dtype=np.float64))
