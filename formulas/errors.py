"""Refusals of formulas, deployments and subscriptions, by case."""

from http import HTTPStatus

from kernel.errors import Conflict, DomainError, Forbidden, NotFound


class FormulaSyntaxError(DomainError):
    """The code does not compile; `errors.formula_code` lists line, column, message and hint of each fault."""

    code = "formula_invalid"
    message = "The formula does not compile."


class FormulaNotFound(NotFound):
    code = "formula_not_found"
    message = "There is no such formula."


class AlreadySubscribed(Conflict):
    code = "already_subscribed"
    message = "You already subscribe to this formula."


class NotSubscribed(NotFound):
    code = "not_subscribed"
    message = "You do not subscribe to this formula."


class AlreadyDeployed(Conflict):
    code = "already_deployed"
    message = "This version already runs on that instrument and resolution with these parameters."


class FormulaRetired(Conflict):
    code = "formula_retired"
    message = "This formula has been retired by its author."


class AlreadyReviewed(Conflict):
    code = "already_reviewed"
    message = "You have already reviewed this formula."


class ReviewNotFound(NotFound):
    code = "review_not_found"
    message = "There is no such review."


class MayNotReview(Forbidden):
    code = "may_not_review"
    message = "Only subscribers may review a formula, and never its author."


class MayNotCopy(Forbidden):
    code = "may_not_copy"
    message = "Only those who may read a formula's code can copy it."


class MayNotBacktest(Forbidden):
    code = "may_not_backtest"
    message = "Only those who may read a formula's code can backtest it."


class PerformanceNotShown(Forbidden):
    """`PUBLISH_PERFORMANCE` keeps the returns of formulas from this reader."""

    code = "performance_not_shown"
    message = "The returns of this formula are not shown to you here."


class NotPublished(NotFound):
    code = "not_published"
    message = "This formula has not been published: it has no record."


class MayNotExport(Forbidden):
    code = "may_not_export"
    message = "A deployment's record holds the formula's code: only those who may read it can have the record."


class RecordTooLarge(DomainError):
    """More bars than a download may hold; the platform certifies it all the same."""

    code = "record_too_large"
    message = "This record rests on too many bars to be downloaded."


class TooManyBacktests(Conflict):
    code = "too_many_backtests"
    message = "Too many of your backtests are waiting; let them end or cancel one."


class TooMuchWork(DomainError):
    """What somebody had calculated within a day is more than anybody may."""

    code = "too_much_work"
    status = HTTPStatus.TOO_MANY_REQUESTS
    message = "You have had too much calculated within a day; wait for a while, or choose shorter times."


class BacktestTooLarge(DomainError):
    """Bars times calculations are more than one job may do."""

    code = "backtest_too_large"
    message = "This backtest is too large; choose fewer symbols, a shorter time or a higher resolution."
