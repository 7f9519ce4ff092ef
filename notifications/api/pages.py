"""A page of notifications says as well how many are unread."""

from typing import Any

from rest_framework.response import Response

from kernel.api.pagination import PageNumbers
from notifications.selectors import Inbox


class NotificationPages(PageNumbers):
    """The common list with `unread_count`, that of the whole inbox whatever the filters."""

    inbox: Inbox

    def get_paginated_response(self, data: Any) -> Response:
        return Response({**self.body(data), "unread_count": self.inbox.unread()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        body = super().get_paginated_response_schema(schema)
        properties = {**body["properties"], "unread_count": {"type": "integer"}}
        return {**body, "required": list(properties), "properties": properties}
