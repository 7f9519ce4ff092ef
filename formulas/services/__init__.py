"""Every write to formulas, deployments, signals, subscriptions and reviews."""

from formulas.services.compiling import check_parameters, compile_code
from formulas.services.counters import count_anew
from formulas.services.deployments import (
    begin_deployment,
    deploy_formula,
    fail_deployment,
    first_bar_for,
    hold_deployments,
    release_deployments,
    rewind_deployments,
    set_deployment_status,
)
from formulas.services.evaluations import Decided, Evaluated, record_evaluations
from formulas.services.formulas import (
    change_formula,
    create_formula,
    delete_formula,
    duplicate_formula,
    retire_formula,
)
from formulas.services.publications import Costs, publish_formula
from formulas.services.reviews import change_review, delete_review, review_formula
from formulas.services.subscriptions import (
    change_subscription,
    subscribe_to_formula,
    toggle_subscription,
    unsubscribe_from_formula,
)

__all__ = [
    "Costs",
    "Decided",
    "Evaluated",
    "begin_deployment",
    "change_formula",
    "change_review",
    "change_subscription",
    "check_parameters",
    "compile_code",
    "count_anew",
    "create_formula",
    "delete_formula",
    "delete_review",
    "deploy_formula",
    "duplicate_formula",
    "fail_deployment",
    "first_bar_for",
    "hold_deployments",
    "publish_formula",
    "record_evaluations",
    "release_deployments",
    "retire_formula",
    "review_formula",
    "rewind_deployments",
    "set_deployment_status",
    "subscribe_to_formula",
    "toggle_subscription",
    "unsubscribe_from_formula",
]
