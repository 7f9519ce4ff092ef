"""What is on record and what was certified, in the control panel; nobody edits either."""

from django.contrib import admin
from unfold.decorators import display

from formulas.models import Certificate, Publication, PublishedSymbol, RecordDay
from kernel.admin import ReadOnlyAdmin
from kernel.shown import TONES, moment, plain


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "formula", "number", "resolution", "since", "ended_at", "is_verified", "score"]
    list_filter = ["is_verified", "resolution"]
    list_select_related = ["formula", "version"]
    search_fields = ["formula__name", "formula__author__username", "version_hash", "canonical_hash"]
    fields = [
        "formula",
        "number",
        "version_hash",
        "canonical_hash",
        "resolution",
        "fee",
        "slippage",
        "since",
        "ended_at",
        "is_verified",
        "clone_of",
        "score",
        "score_parts",
        "head",
        "created_at",
    ]

    @admin.display(description="version")
    def number(self, row: Publication) -> str:
        return str(row.version.number)

    @admin.display(description="fee (bps)")
    def fee(self, row: Publication) -> str:
        return plain(row.fee_bps)

    @admin.display(description="slippage (bps)")
    def slippage(self, row: Publication) -> str:
        return plain(row.slippage_bps)

    @admin.display(description="on record from (UTC)", ordering="published_at")
    def since(self, row: Publication) -> str:
        return moment(row.published_at)


@admin.register(PublishedSymbol)
class PublishedSymbolAdmin(ReadOnlyAdmin):
    list_display = ["publication", "instrument", "deployment"]
    list_select_related = [
        "publication__version__formula", "instrument", "deployment__formula", "deployment__instrument",
    ]  # fmt: skip
    search_fields = ["publication__formula__name", "instrument__symbol"]


@admin.register(RecordDay)
class RecordDayAdmin(ReadOnlyAdmin):
    list_display = ["publication", "date", "net_return", "exposure", "market_return", "closed_trades"]
    list_select_related = ["publication__version__formula"]
    search_fields = ["publication__formula__name", "hash"]
    fields = [
        "publication", "date", "net_return", "exposure", "market_return", "closed_trades", "hash", "created_at",
    ]  # fmt: skip

    @admin.display(description="day (UTC)", ordering="day")
    def date(self, row: RecordDay) -> str:
        return moment(row.day)


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    list_display = ["deployment", "shown_status", "newest_bar", "checked_at"]
    list_filter = ["status"]
    list_select_related = ["deployment__formula", "deployment__instrument"]
    search_fields = ["deployment__formula__name", "deployment__instrument__symbol"]
    fields = ["deployment", "status", "newest_bar", "first_difference", "checked_at"]

    @display(description="status", ordering="status", label=TONES)
    def shown_status(self, row: Certificate) -> str:
        return row.status

    @admin.display(description="checked up to the bar of (UTC)", ordering="through")
    def newest_bar(self, row: Certificate) -> str:
        return moment(row.through)
