"""Who may do what, by role; whose rows one may see is `visible_to` on each model."""

from typing import Any, Protocol

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

ADMIN, OPERATOR, REVIEWER = "admin", "operator", "reviewer"


class Person(Protocol):
    """Whoever makes a request, signed in or not, as far as the floor needs to know them."""

    pk: Any

    @property
    def is_authenticated(self) -> Any: ...


def has_role(user: Person, *roles: str) -> bool:
    """Whether `user` has one of `roles`; an administrator has all of them."""
    if not user.is_authenticated:
        return False
    return bool(getattr(user, "is_admin", False) or getattr(user, "role", "") in roles)


class RolePermission(BasePermission):
    """Those with one of `roles`, and administrators."""

    roles: tuple[str, ...] = ()

    def has_permission(self, request: Request, view: Any) -> bool:
        return has_role(request.user, *self.roles)


class IsOperator(RolePermission):
    message = "Only an operator may do this."
    roles = (OPERATOR,)


class IsAdministrator(RolePermission):
    message = "Only an administrator may do this."
