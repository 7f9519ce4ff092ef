"""Paths of formulas, deployments, signals, subscriptions and reviews."""

from rest_framework.routers import SimpleRouter

from formulas.api import views

router = SimpleRouter(trailing_slash=False)
router.register("formulas", views.FormulaViewSet, basename="formula")
router.register("deployments", views.DeploymentViewSet, basename="deployment")
router.register("signals", views.SignalViewSet, basename="signal")
router.register("subscriptions", views.SubscriptionViewSet, basename="subscription")
router.register("reviews", views.ReviewViewSet, basename="review")

urlpatterns = router.urls
