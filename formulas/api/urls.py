"""Paths of formulas, deployments, signals, subscriptions, reviews and backtests."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from formulas.api import backtests, following, parity, publications, sweeps, views

router = SimpleRouter(trailing_slash=False)
router.register("formulas", views.FormulaViewSet, basename="formula")
router.register("deployments", views.DeploymentViewSet, basename="deployment")
router.register("signals", views.SignalViewSet, basename="signal")
router.register("subscriptions", following.SubscriptionViewSet, basename="subscription")
router.register("reviews", following.ReviewViewSet, basename="review")
router.register("backtests", backtests.BacktestViewSet, basename="backtest")
router.register("sweeps", sweeps.SweepViewSet, basename="sweep")

ONE = rf"^formulas/(?P<pk>{views.ID})"

urlpatterns = [
    re_path(rf"{ONE}/backtest$", backtests.StartBacktestView.as_view(), name="formula-backtest"),
    re_path(rf"{ONE}/sweep$", sweeps.StartSweepView.as_view(), name="formula-sweep"),
    re_path(rf"{ONE}/walk-forward$", sweeps.StartWalkForwardView.as_view(), name="formula-walk-forward"),
    re_path(rf"{ONE}/publish$", publications.PublishView.as_view(), name="formula-publish"),
    re_path(rf"{ONE}/performance$", publications.PerformanceView.as_view(), name="formula-performance"),
    re_path(rf"{ONE}/record$", publications.RecordView.as_view(), name="formula-record"),
    re_path(rf"{ONE}/parity$", parity.ParityView.as_view(), name="formula-parity"),
    re_path(
        rf"^deployments/(?P<pk>{views.ID})/record$", parity.DeploymentRecordView.as_view(), name="deployment-record"
    ),
    *router.urls,
]
