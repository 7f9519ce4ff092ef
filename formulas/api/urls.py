"""Paths of formulas, deployments, signals, subscriptions, reviews and backtests."""

from django.urls import re_path
from rest_framework.routers import SimpleRouter

from formulas.api import backtests, views

router = SimpleRouter(trailing_slash=False)
router.register("formulas", views.FormulaViewSet, basename="formula")
router.register("deployments", views.DeploymentViewSet, basename="deployment")
router.register("signals", views.SignalViewSet, basename="signal")
router.register("subscriptions", views.SubscriptionViewSet, basename="subscription")
router.register("reviews", views.ReviewViewSet, basename="review")
router.register("backtests", backtests.BacktestViewSet, basename="backtest")

urlpatterns = [
    re_path(rf"^formulas/(?P<pk>{views.ID})/backtest$", backtests.StartBacktestView.as_view(), name="formula-backtest"),
    *router.urls,
]
