"""Where market data answers."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from datafeed.api import datafeed
from datafeed.api.instruments import InstrumentViewSet

router = SimpleRouter(trailing_slash=False)
router.register("instruments", InstrumentViewSet, basename="instrument")

urlpatterns = [
    path("datafeed/config", datafeed.ConfigView.as_view(), name="datafeed-config"),
    path("datafeed/search", datafeed.SearchView.as_view(), name="datafeed-search"),
    # A symbol may hold a slash, as pairs of currencies do.
    path("datafeed/resolve/<path:symbol>", datafeed.ResolveView.as_view(), name="datafeed-resolve"),
    path("datafeed/bars", datafeed.BarsView.as_view(), name="datafeed-bars"),
    path("datafeed/quotes", datafeed.QuotesView.as_view(), name="datafeed-quotes"),
    path("datafeed/health", datafeed.HealthView.as_view(), name="datafeed-health"),
    *router.urls,
]
