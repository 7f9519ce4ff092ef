"""The doors to telling many at once: everybody, a company, a role, a role in a company."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Company, Role, User
from kernel.api.idempotency import idempotent
from kernel.api.throttles import BROADCAST
from kernel.permissions import IsAdministrator, RolePermission
from notifications import services
from notifications.api import envelopes as shapes
from notifications.api.views import read_fields
from notifications.errors import NoSuchAudience
from notifications.selectors import EVERYBODY, stream_of_company, stream_of_role

SHAPES: dict[str, Any] = {"request": shapes.EnvelopeSerializer, "responses": shapes.BroadcastSerializer}


class MayAddressCompany(RolePermission):
    message = "Only a company's administrator may do this."
    roles = (Role.COMPANY_ADMIN,)


class SendView(APIView):
    """A notification to everybody."""

    permission_classes = [IsAuthenticated, IsAdministrator]
    throttle_group = BROADCAST

    @extend_schema(operation_id="notifications_send", request=shapes.SendSerializer, responses=shapes.SentSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        """Send a notification to every user."""
        fields = read_fields(shapes.SendSerializer, request.data)
        services.broadcast(sender=cast(User, request.user), stream_name=EVERYBODY, type="notification", **fields)
        return Response({"message": "Notification sent successfully"})


class BroadcastView(APIView):
    """What the three broadcasts have in common."""

    throttle_group = BROADCAST

    def tell(self, request: Request, stream_name: str, audience: str) -> Response:
        fields = read_fields(shapes.EnvelopeSerializer, request.data)
        told = services.broadcast(sender=cast(User, request.user), stream_name=stream_name, **fields)
        return Response(
            {
                "status": "success",
                "message": f"Message broadcasted to {audience}",
                "recipients": told.recipients,
            }
        )


def _company(request: Request, slug: str) -> Company:
    """The company called `slug`; to whoever neither belongs to it nor administers the platform it does not exist."""
    company: Company | None = Company.objects.visible_to(request.user).filter(slug=slug).first()
    if company is None:
        raise NoSuchAudience
    return company


def _role(role: str) -> str:
    if role not in Role.values:
        raise NoSuchAudience
    return role


class CompanyBroadcastView(BroadcastView):
    permission_classes = [IsAuthenticated, MayAddressCompany]

    @extend_schema(operation_id="broadcast_company", **SHAPES)
    @idempotent
    def post(self, request: Request, company: str) -> Response:
        """Tell everybody in a company; its own administrator may, and the platform's."""
        found = _company(request, company)
        return self.tell(request, stream_of_company(found.slug), f"company {found.slug}")


class RoleBroadcastView(BroadcastView):
    permission_classes = [IsAuthenticated, IsAdministrator]

    @extend_schema(operation_id="broadcast_role", **SHAPES)
    @idempotent
    def post(self, request: Request, role: str) -> Response:
        """Tell everybody who has a role."""
        return self.tell(request, stream_of_role(_role(role)), f"role {role}")


class CompanyRoleBroadcastView(BroadcastView):
    permission_classes = [IsAuthenticated, MayAddressCompany]

    @extend_schema(operation_id="broadcast_company_role", **SHAPES)
    @idempotent
    def post(self, request: Request, company: str, role: str) -> Response:
        """Tell those in a company who have a role."""
        found = _company(request, company)
        return self.tell(request, stream_of_company(found.slug, _role(role)), f"role {role} of company {found.slug}")
