"""The door to one's own notifications as a file."""

from collections.abc import Iterator
from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User
from kernel.api.renderers import encoder
from kernel.api.streams import PiecewiseResponse
from notifications.api.serializers import NotificationSerializer
from notifications.selectors import Inbox

LINES = "application/x-ndjson"


class ExportView(APIView):
    """One's own inbox as a file."""

    @extend_schema(operation_id="notifications_export", responses={(200, LINES): OpenApiTypes.STR})
    def get(self, request: Request) -> PiecewiseResponse:
        """Everything in one's own inbox: a line of JSON for each notification, stream by stream, oldest first."""
        headers = {"Content-Disposition": 'attachment; filename="notifications.jsonl"'}
        return PiecewiseResponse(_lines(cast(User, request.user)), content_type=LINES, headers=headers)


def _lines(user: User) -> Iterator[bytes]:
    for rows in Inbox(user).everything():
        shown: Any = NotificationSerializer(rows, many=True).data
        yield b"".join(encoder.encode(row) + b"\n" for row in shown)
