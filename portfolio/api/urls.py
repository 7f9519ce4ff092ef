"""Paths of portfolios."""

from rest_framework.routers import SimpleRouter

from portfolio.api.views import PortfolioViewSet

router = SimpleRouter(trailing_slash=False)
router.register("portfolio", PortfolioViewSet, basename="portfolio")

urlpatterns = router.urls
