"""Backtests and sweeps in the control panel."""

from django.contrib import admin

from formulas.models import Backtest, Sweep, Trial
from formulas.models.backtests import Simulation
from kernel.admin import ReadOnlyAdmin
from kernel.shown import moment, plain

SUBJECT = ["owner", "version", "instrument", "resolution", "first_bar", "before"]
TERMS = ["money", "fees", "slippage", "job", "created_at"]


class SimulationAdmin(ReadOnlyAdmin):
    """What both have in common."""

    list_display = ["created_at", *SUBJECT]
    list_select_related = ["owner", "version__formula", "instrument"]
    search_fields = ["owner__username", "formula__name", "instrument__symbol"]

    @admin.display(description="bars from (UTC)", ordering="since")
    def first_bar(self, row: Simulation) -> str:
        return moment(row.since)

    @admin.display(description="before (UTC)", ordering="until")
    def before(self, row: Simulation) -> str:
        return moment(row.until)

    @admin.display(description="initial capital")
    def money(self, row: Simulation) -> str:
        return plain(row.initial_capital)

    @admin.display(description="fee (bps)")
    def fees(self, row: Simulation) -> str:
        return plain(row.fee_bps)

    @admin.display(description="slippage (bps)")
    def slippage(self, row: Simulation) -> str:
        return plain(row.slippage_bps)


@admin.register(Backtest)
class BacktestAdmin(SimulationAdmin):
    fields = [*SUBJECT, "parameters", *TERMS, "metrics", "trials", "deflated_sharpe"]


@admin.register(Sweep)
class SweepAdmin(SimulationAdmin):
    list_display = ["created_at", "kind", *SUBJECT]
    list_filter = ["kind"]
    fields = ["kind", *SUBJECT, "points", "folds", *TERMS, "result"]


@admin.register(Trial)
class TrialAdmin(ReadOnlyAdmin):
    """What somebody tried on the same bars, also where the backtest or sweep was forgotten."""

    list_display = ["created_at", "owner", "instrument", "resolution", "count", "work", "backtest", "sweep"]
    list_select_related = ["owner", "instrument", "backtest__version__formula", "sweep__version__formula"]
    search_fields = ["owner__username", "instrument__symbol"]
    fields = ["owner", "instrument", "resolution", "backtest", "sweep", "sharpes", "work", "created_at"]

    @admin.display(description="tries")
    def count(self, row: Trial) -> int:
        return len(row.sharpes)
