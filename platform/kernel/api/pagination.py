"""One shape for every list: results, total, page, size, total_pages, next, previous."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from kernel.api.shortcuts import Question
from kernel.errors import Invalid

DEFAULT_SIZE, MOST_SIZE, MOST_OFFSET = 20, 100, 1_000_000

ORDERINGS = ("created_at", "-created_at")


class PageNumbers(BasePagination):
    """`page` from 1, `size` (or `limit`) of 1 to 100, 20 where unsaid; a page past the end is empty.

    A view's `as_shown(rows)` adds to them what is shown but not counted.
    """

    request: Request | Question
    page: int
    size: int
    total: int

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any]:
        start = self.read(request)
        queryset = self._ordered(queryset, view)
        self.total = Paginator(queryset, self.size).count
        if as_shown := getattr(view, "as_shown", None):
            queryset = as_shown(queryset)
        return list(queryset[start : start + self.size]) if start < self.total else []

    def read(self, request: Request | Question) -> int:
        """Which page is asked for; the number of its first row, from 0. Raises `Invalid` naming what is wrong."""
        self.request = request
        self.page = whole_number(request, "page", default=1, least=1, most=MOST_OFFSET)
        name = "size" if "size" in request.query_params else "limit"
        self.size = whole_number(request, name, default=DEFAULT_SIZE, least=1, most=MOST_SIZE)
        start = (self.page - 1) * self.size
        if start > MOST_OFFSET:
            raise Invalid.field("page", f"Pages end at row {MOST_OFFSET}.")
        return start

    def _ordered(self, rows: QuerySet[Any] | Sequence[Any], view: Any) -> QuerySet[Any] | Sequence[Any]:
        """`rows` by `created_at` or `-created_at`; a list with a filter called `ordering` has been ordered by it."""
        wanted = self.request.query_params.get("ordering")
        if not wanted or _orders_itself(view):
            return rows
        if not isinstance(rows, QuerySet) or not hasattr(rows.model, "created_at") or wanted not in ORDERINGS:
            raise Invalid.field("ordering", "This list cannot be ordered so.")
        return rows.order_by(wanted, wanted.replace("created_at", "pk"))

    def body(self, results: Any) -> dict[str, Any]:
        """The list's body around `results`; at least one page is counted, even when it is empty."""
        pages = max(1, -(-self.total // self.size))
        return {
            "results": results,
            "total": self.total,
            "page": self.page,
            "size": self.size,
            "total_pages": pages,
            "next": self._link(self.page + 1) if self.page < pages else None,
            "previous": self._link(self.page - 1) if self.page > 1 else None,
        }

    def _link(self, page: int) -> str:
        url = self.request.build_absolute_uri()
        return remove_query_param(url, "page") if page == 1 else replace_query_param(url, "page", str(page))

    def get_paginated_response(self, data: Any) -> Response:
        return Response(self.body(data))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        integer = {"type": "integer"}
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {
            "results": schema,
            "total": integer,
            "page": integer,
            "size": integer,
            "total_pages": integer,
            "next": link,
            "previous": link,
        }
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        def parameter(name: str, most: int) -> dict[str, Any]:
            schema = {"type": "integer", "minimum": 1, "maximum": most}
            return {"name": name, "in": "query", "required": False, "schema": schema}

        ordering = {
            "name": "ordering",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ORDERINGS},
        }
        own = [] if _orders_itself(view) else [ordering]
        return [parameter("page", MOST_OFFSET), parameter("size", MOST_SIZE), parameter("limit", MOST_SIZE), *own]


def _orders_itself(view: Any) -> bool:
    return "ordering" in getattr(getattr(view, "filterset_class", None), "base_filters", ())


def whole_number(request: Request | Question, name: str, *, default: int, least: int, most: int) -> int:
    """The query parameter `name` as an integer within `least..most`; raises `Invalid` naming it."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid.field(name, "A whole number is required.")
    if not least <= int(text) <= most:
        raise Invalid.field(name, f"Must be from {least} to {most}.")
    return int(text)
