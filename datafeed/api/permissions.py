"""Who may read market data, and who may look after instruments."""

from typing import Any

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from kernel.permissions import OPERATOR, has_role


class MayReadMarketData(BasePermission):
    """Everybody while `DATAFEED_PUBLIC` is on, else whoever is signed in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(settings.DATAFEED_PUBLIC or request.user.is_authenticated)


class OperatorsWrite(BasePermission):
    """Whoever is signed in reads; operators and administrators write."""

    message = "Only an operator may do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return bool(request.user.is_authenticated)
        return has_role(request.user, OPERATOR)
