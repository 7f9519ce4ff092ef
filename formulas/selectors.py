"""Reading formulas: their figures, who may read code, who follows what."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Avg, Count, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from datafeed.marks import Mark
from formulas import engine
from formulas.errors import FormulaNotFound
from formulas.models import Deployment, Formula, Review, Side, Signal, Subscription
from kernel.permissions import ADMIN, Person, has_role

# What is counted for each formula shown, and by what a list may be ordered.
FIGURES = ("total_subscribers", "total_reviews", "average_rating")
MOST_MARKS = 2_000


def with_figures(formulas: QuerySet[Formula]) -> QuerySet[Formula]:
    """Each formula with its `FIGURES`."""
    ratings = Review.objects.filter(formula=OuterRef("pk")).order_by().values("formula")
    return formulas.annotate(
        total_subscribers=_count(Subscription.objects.filter(is_active=True)),
        total_reviews=_count(Review.objects.all()),
        average_rating=Subquery(ratings.annotate(mean=Avg("rating")).values("mean")),
    )


def as_shown(user: Person, formulas: QuerySet[Formula]) -> QuerySet[Formula]:
    """Each formula with its figures, author, code, `tag_list`, and the subscription of `user` to it."""
    mine = Subscription.objects.visible_to(user).filter(is_active=True)
    return (
        with_figures(formulas)
        .select_related("author", "version")
        .prefetch_related(
            Prefetch("tags", to_attr="tag_list"), Prefetch("subscriptions", queryset=mine, to_attr="own_subscriptions")
        )
    )


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.filter(formula=OuterRef("pk")).order_by().values("formula").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def get_formula(user: Person, formula_id: int, field: str | None = None) -> Formula:
    """The formula if `user` may see it; raises `FormulaNotFound`, as an unknown id does."""
    formula = Formula.objects.visible_to(user).select_related("version").filter(pk=formula_id).first()
    if formula is None:
        raise FormulaNotFound(errors={field: [FormulaNotFound.message]} if field else None)
    return formula


def may_read_code(user: Person, formula: Formula) -> bool:
    """Code is for the author, active subscribers and administrators."""
    if formula.author_id == user.pk or has_role(user, ADMIN):
        return True
    if not formula.is_public:
        return False
    own = getattr(formula, "own_subscriptions", None)
    if own is not None:
        return bool(own)
    return Subscription.objects.filter(user_id=user.pk, formula=formula, is_active=True).exists()


def check_formula(source: str) -> dict[str, Any]:
    """What the compiler says of `source`: `{valid, errors, indicators, parameters, warmup_bars}`."""
    report = engine.check(source)
    return {
        "valid": report.valid,
        "errors": [problem_body(problem) for problem in report.errors],
        "indicators": list(report.indicators),
        "parameters": [parameter_body(parameter) for parameter in report.parameters],
        "warmup_bars": report.warmup_bars,
    }


def problem_body(problem: engine.Problem) -> dict[str, Any]:
    """A fault of the code as the API shows it; line and column count from 1."""
    return {"line": problem.line, "column": problem.column, "message": problem.message, "hint": problem.hint}


def parameter_body(parameter: engine.Parameter) -> dict[str, Any]:
    """A parameter of the code: its name, default and bounds."""
    return {
        "name": parameter.name,
        "default": parameter.default,
        "min": parameter.minimum,
        "max": parameter.maximum,
        "step": parameter.step,
    }


def signals_of(user: Person) -> QuerySet[Signal]:
    """The signals `user` may see, newest first, with what is shown beside them."""
    return Signal.objects.visible_to(user).select_related("formula", "version", "instrument")


def deployments_of(user: Person) -> QuerySet[Deployment]:
    return Deployment.objects.visible_to(user).select_related("formula", "version", "instrument")


def marks_of(user: Person, instrument_id: int, since: int, until: int) -> Iterator[Mark]:
    """The signals `user` may see on bars of an instrument that closed from `since` to before `until`, newest first."""
    if not user.is_authenticated:
        return
    found = signals_of(user).filter(instrument_id=instrument_id, closed_at__gte=since, closed_at__lt=until)
    for signal in found.order_by("-closed_at", "-pk")[:MOST_MARKS]:
        is_buy = signal.side == Side.BUY
        text = f"{signal.formula.name}: {signal.action} at {signal.price.normalize():f} ({signal.resolution})"
        yield Mark(
            id=f"signal-{signal.pk}",
            resolution=signal.resolution,
            opened_at=signal.bar_time,
            closed_at=signal.closed_at,
            color="green" if is_buy else "red",
            label="B" if is_buy else "S",
            text=text,
        )
