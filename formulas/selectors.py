"""Reading formulas: what is found in the marketplace, who may read code, who follows what."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Prefetch, Q, QuerySet, Value, When

from datafeed.marks import Mark
from formulas import engine
from formulas.errors import FormulaNotFound
from formulas.models import Deployment, Formula, Review, Side, Signal, Subscription, Tag
from kernel.permissions import ADMIN, OPERATOR, Person, has_role

MOST_WORDS = 10
MOST_MARKS = 2_000


def as_shown(user: Person, formulas: QuerySet[Formula]) -> QuerySet[Formula]:
    """Each formula with its author, code, `tag_list`, and the subscription of `user` to it."""
    mine = Subscription.objects.visible_to(user).filter(is_active=True)
    return formulas.select_related("author", "version").prefetch_related(
        Prefetch("tags", to_attr="tag_list"), Prefetch("subscriptions", queryset=mine, to_attr="own_subscriptions")
    )


def followed_by(user: Person, formulas: QuerySet[Formula], follows: bool) -> QuerySet[Formula]:
    """Those that `user` actively subscribes to, or the others."""
    subscribed = Exists(Subscription.objects.visible_to(user).filter(is_active=True, formula_id=OuterRef("pk")))
    return formulas.filter(subscribed if follows else ~subscribed)


def tagged(formulas: QuerySet[Formula], names: Iterable[str]) -> QuerySet[Formula]:
    """Those that have any of the tags."""
    return formulas.filter(_has_tag(Tag.objects.filter(name__in=names)))


def matching(formulas: QuerySet[Formula], text: str) -> QuerySet[Formula]:
    """Those that hold every word of `text` in name, tags or description, the nearest first.

    Nearest is the name itself, then its beginning, then all words in the name, then a tag, then the description;
    among equals the better score, then the newer formula.
    """
    words = text.split()[:MOST_WORDS]
    in_name, anywhere = Q(), Q()
    for word in words:
        in_name &= Q(name__icontains=word)
        anywhere &= Q(name__icontains=word) | Q(description__icontains=word) | _has_tag(_called(word))
    nearness = Case(
        When(name__iexact=" ".join(words), then=Value(0)),
        When(name__istartswith=" ".join(words), then=Value(1)),
        When(in_name, then=Value(2)),
        When(_has_tag(Tag.objects.filter(name__in=[word.lower() for word in words])), then=Value(3)),
        default=Value(4),
    )
    return formulas.filter(anywhere).order_by(nearness, "-score_rank", "-pk")


def _called(word: str) -> QuerySet[Tag]:
    return Tag.objects.filter(name=word.lower())


def _has_tag(tags: QuerySet[Tag]) -> Q:
    # Looked up once for the whole list; a subquery that named the formula would run for each of them.
    return Q(pk__in=Formula.tags.through.objects.filter(tag__in=tags).values("formula_id"))


def categories_of(user: Person) -> list[str]:
    """The categories of the formulas `user` may see, in alphabetical order."""
    used = Formula.objects.visible_to(user).exclude(category="").order_by("category")
    return list(used.values_list("category", flat=True).distinct())


def tags_of(user: Person) -> list[str]:
    """The tags of the formulas `user` may see, in alphabetical order."""
    used = Formula.tags.through.objects.filter(formula__in=Formula.objects.visible_to(user)).values("tag")
    return list(Tag.objects.filter(pk__in=used).values_list("name", flat=True))


def review_stats(formula: Formula) -> dict[str, Any]:
    """How a formula is rated: `{formula_id, total_reviews, average_rating, rating_distribution: {"1".."5": count}}`."""
    others = formula.reviews.exclude(user_id=formula.author_id).order_by()
    counted = dict(others.values_list("rating").annotate(Count("pk")))
    total = sum(counted.values())
    return {
        "formula_id": formula.pk,
        "total_reviews": total,
        "average_rating": sum(rating * count for rating, count in counted.items()) / total if total else None,
        "rating_distribution": {str(rating): counted.get(rating, 0) for rating in range(1, 6)},
    }


def reviews_of(user: Person) -> QuerySet[Review]:
    """The reviews `user` may read, newest first, with who wrote them."""
    return Review.objects.visible_to(user).select_related("user")


def shows_reviewer(user: Person, review: Review) -> bool:
    """A signed review shows who wrote it; one without a name does so to its writer and to administrators alone."""
    return not review.is_anonymous or review.user_id == user.pk or has_role(user, ADMIN)


def get_formula(user: Person, formula_id: int, field: str | None = None) -> Formula:
    """The formula if `user` may see it; raises `FormulaNotFound`, as an unknown id does."""
    formula = Formula.objects.visible_to(user).select_related("version").filter(pk=formula_id).first()
    if formula is None:
        raise FormulaNotFound(errors={field: [FormulaNotFound.message]} if field else None)
    return formula


def is_guarded(user: Person, formula: Formula) -> bool:
    """Whether it is a private one of somebody else's: its code is not in lists, and whoever opens it is on record."""
    return not formula.is_public and formula.author_id != user.pk


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


def may_see_signals(user: Person, formula: Formula) -> bool:
    """Signals are for the author, active subscribers and operators."""
    if formula.author_id == user.pk or has_role(user, OPERATOR):
        return True
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
