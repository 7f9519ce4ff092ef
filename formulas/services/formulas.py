"""Every write to formulas and their versions."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from accounts.selectors import require_kyc
from formulas import engine
from formulas.errors import FormulaRetired
from formulas.models import DeploymentStatus, Formula, FormulaVersion, Tag
from formulas.selectors import parameter_body
from formulas.services.compiling import compile_code
from kernel import clock

LONGEST_NAME, COPY = 120, " (copy)"
PUBLISHING = "publish"  # as KYC_REQUIRED_FOR calls it


@transaction.atomic
def create_formula(
    *,
    author: Any,
    name: str,
    formula_code: str,
    description: str = "",
    category: str = "",
    tags: Iterable[str] = (),
    is_public: bool = True,
) -> Formula:
    """A new formula with its first version; raises `FormulaSyntaxError`, and `KycRequired` for a public one."""
    if is_public:
        require_kyc(author, PUBLISHING)
    program = compile_code(formula_code)
    formula = Formula.objects.create(
        author=author, name=name, description=description, category=category, is_public=is_public
    )
    _set_tags(formula, tags)
    _add_version(formula, formula_code, program)
    return formula


@transaction.atomic
def change_formula(
    *, formula: Formula, formula_code: str | None = None, tags: Iterable[str] | None = None, **fields: Any
) -> Formula:
    """Change a formula's description; another code makes a new version, the old ones and what runs them stay."""
    formula = Formula.objects.select_for_update(of=("self",)).select_related("version").get(pk=formula.pk)
    if fields.get("is_public") and not formula.is_public:
        require_kyc(formula.author, PUBLISHING)
    for name, value in fields.items():
        setattr(formula, name, value)
    formula.save()
    if tags is not None:
        _set_tags(formula, tags)
    if formula_code is not None and (formula.version is None or formula_code != formula.version.code):
        _add_version(formula, formula_code, compile_code(formula_code))
    return formula


def duplicate_formula(*, author: Any, formula: Formula) -> Formula:
    """A private copy of the newest version for `author`; raises `FormulaRetired` where there is none."""
    if formula.version is None:
        raise FormulaRetired
    return create_formula(
        author=author,
        name=f"{formula.name[: LONGEST_NAME - len(COPY)]}{COPY}",
        formula_code=formula.version.code,
        description=formula.description,
        category=formula.category,
        tags=[tag.name for tag in formula.tags.all()],
        is_public=False,
    )


def _add_version(formula: Formula, code: str, program: engine.Program) -> None:
    number = formula.version.number + 1 if formula.version else 1
    formula.version = FormulaVersion.objects.create(
        formula=formula,
        number=number,
        code=code,
        version_hash=program.version_hash,
        parameters=[parameter_body(parameter) for parameter in program.parameters],
        warmup_bars=program.warmup_bars,
    )
    formula.performance_score = None  # that of the version before
    formula.save(update_fields=["version", "performance_score", "updated_at"])


def _set_tags(formula: Formula, names: Iterable[str]) -> None:
    wanted = sorted({name.lower() for name in names})
    formula.tags.set([Tag.objects.get_or_create(name=name)[0] for name in wanted])


@transaction.atomic
def delete_formula(*, formula: Formula) -> None:
    """Delete a formula that nobody relied on; retire one that has subscribers, signals or positions, and stop it."""
    formula = retire_formula(formula=formula)
    if not (formula.subscriptions.exists() or formula.signals.exists()):
        _erase(formula)


@transaction.atomic
def retire_formula(*, formula: Formula) -> Formula:
    """Stop a formula and its record, and take it out of the marketplace; who follows it can go on reading it."""
    formula = Formula.objects.select_for_update().get(pk=formula.pk)
    formula.deployments.update(status=DeploymentStatus.STOPPED)
    formula.publications.current().update(ended_at=clock.now())
    formula.is_retired = True
    formula.save(update_fields=["is_retired", "updated_at"])
    return formula


def _erase(formula: Formula) -> None:
    """Delete the formula's rows; nothing is done where an app above keeps something that refers to it."""
    with suppress(ProtectedError), transaction.atomic():
        formula.deployments.all().delete()
        Formula.objects.filter(pk=formula.pk).update(version=None)
        Formula.objects.get(pk=formula.pk).delete()
