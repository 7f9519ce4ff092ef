"""What the list of instruments can be narrowed by."""

import django_filters

from datafeed.models import Instrument, InstrumentType
from kernel.api.filters import FlagFilter, Ordering


class InstrumentFilter(django_filters.FilterSet):
    """`symbol, exchange, type, is_active, ordering`."""

    symbol = django_filters.CharFilter(lookup_expr="iexact", max_length=40)
    exchange = django_filters.CharFilter(lookup_expr="iexact", max_length=40)
    type = django_filters.ChoiceFilter(choices=InstrumentType.choices)
    is_active = FlagFilter()
    ordering = Ordering(fields=["symbol", "name", "exchange", "created_at"])

    class Meta:
        model = Instrument
        fields: list[str] = []
