"""The tables of formulas, their versions, deployments, signals, subscriptions, backtests and records."""

from formulas.models.backtests import Backtest, BacktestQuerySet, Simulation, Sweep, SweepKind, SweepQuerySet, Trial
from formulas.models.deployments import Deployment, DeploymentQuerySet, DeploymentStatus, Side, Signal, SignalQuerySet
from formulas.models.formulas import (
    Formula,
    FormulaQuerySet,
    FormulaVersion,
    Review,
    ReviewQuerySet,
    Subscription,
    SubscriptionQuerySet,
    Tag,
)
from formulas.models.publications import (
    Certificate,
    CertificateStatus,
    Publication,
    PublicationQuerySet,
    PublishedSymbol,
    RecordDay,
)

__all__ = [
    "Backtest",
    "BacktestQuerySet",
    "Certificate",
    "CertificateStatus",
    "Deployment",
    "DeploymentQuerySet",
    "DeploymentStatus",
    "Formula",
    "FormulaQuerySet",
    "FormulaVersion",
    "Publication",
    "PublicationQuerySet",
    "PublishedSymbol",
    "RecordDay",
    "Review",
    "ReviewQuerySet",
    "Side",
    "Signal",
    "SignalQuerySet",
    "Simulation",
    "Subscription",
    "SubscriptionQuerySet",
    "Sweep",
    "SweepKind",
    "SweepQuerySet",
    "Tag",
    "Trial",
]
