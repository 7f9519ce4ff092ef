"""Reading formulas: the marketplace's figures, who may read code, who follows what."""

from typing import Any

from django.db.models import Avg, Count, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from formulas import engine
from formulas.errors import FormulaNotFound
from formulas.models import Deployment, Formula, Review, Signal, Subscription
from kernel.permissions import ADMIN, Person, has_role


def marketplace(user: Person) -> QuerySet[Formula]:
    """The formulas `user` may see, with author, code, tags, `total_subscribers`, ratings and their own subscription."""
    mine = Subscription.objects.visible_to(user).filter(is_active=True)
    return (
        Formula.objects.visible_to(user)
        .select_related("author", "version")
        .prefetch_related("tags", Prefetch("subscriptions", queryset=mine, to_attr="own_subscriptions"))
        .annotate(
            total_subscribers=_count(Subscription.objects.filter(is_active=True)),
            total_reviews=_count(Review.objects.all()),
            average_rating=Subquery(
                Review.objects.filter(formula=OuterRef("pk"))
                .order_by()
                .values("formula")
                .annotate(mean=Avg("rating"))
                .values("mean")
            ),
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
