"""Instruments over REST: read by everybody signed in, looked after by operators."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from datafeed import services
from datafeed.api.filters import InstrumentFilter
from datafeed.api.permissions import OperatorsWrite
from datafeed.api.serializers import InstrumentSerializer
from datafeed.models import Instrument, InstrumentQuerySet
from kernel.api.idempotency import idempotent


class InstrumentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Instrument]):
    """What can be traded and charted."""

    queryset = Instrument.objects.all()
    serializer_class = InstrumentSerializer
    permission_classes = [OperatorsWrite]
    filterset_class = InstrumentFilter
    lookup_value_regex = "[1-9][0-9]{0,17}"

    def get_queryset(self) -> InstrumentQuerySet:
        return Instrument.objects.visible_to(self.request.user)

    @extend_schema(responses={201: InstrumentSerializer})
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add an instrument; it has bars once a provider gives some."""
        instrument = services.create_instrument(**self._valid(request))
        return Response(self.get_serializer(instrument).data, status=status.HTTP_201_CREATED)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Replace what is said of an instrument."""
        return self._change(request, partial=False)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change some of what is said of an instrument."""
        return self._change(request, partial=True)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete an instrument; one that has bars, or that others refer to, becomes inactive instead."""
        services.remove_instrument(instrument=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change(self, request: Request, *, partial: bool) -> Response:
        instrument = self.get_object()
        values = self._valid(request, instrument, partial=partial)
        return Response(self.get_serializer(services.change_instrument(instrument=instrument, **values)).data)

    def _valid(
        self, request: Request, instrument: Instrument | None = None, *, partial: bool = False
    ) -> dict[str, Any]:
        serializer = self.get_serializer(instrument, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
