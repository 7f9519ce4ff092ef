"""Where market data answers."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from datafeed.api import datafeed, tables, udf
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
    path("datafeed/import", tables.ImportView.as_view(), name="datafeed-import"),
    path("datafeed/export", tables.ExportView.as_view(), name="datafeed-export"),
    path("datafeed/exports/<uuid:job_id>", tables.ExportedView.as_view(), name="datafeed-exported"),
    path("udf/config", udf.ClassicConfigView.as_view(), name="udf-config"),
    path("udf/symbols", udf.ClassicSymbolsView.as_view(), name="udf-symbols"),
    path("udf/symbol_info", udf.ClassicSymbolInfoView.as_view(), name="udf-symbol-info"),
    path("udf/search", udf.ClassicSearchView.as_view(), name="udf-search"),
    path("udf/history", udf.ClassicHistoryView.as_view(), name="udf-history"),
    path("udf/marks", udf.ClassicMarksView.as_view(), name="udf-marks"),
    path("udf/timescale_marks", udf.ClassicTimescaleMarksView.as_view(), name="udf-timescale-marks"),
    path("udf/time", udf.ClassicTimeView.as_view(), name="udf-time"),
    path("udf/quotes", udf.ClassicQuotesView.as_view(), name="udf-quotes"),
    *router.urls,
]
