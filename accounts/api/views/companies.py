"""A company's own door: its members, and who is invited to become one."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api.views.base import NO_STORE, NOTHING, read_body, user_of
from accounts.api.views.links import TokenSerializer
from accounts.errors import InviteInstead
from accounts.models import Company, Invitation, Role, User
from kernel.api.fields import MomentField
from kernel.api.parsers import UniqueKeysParser
from kernel.errors import Invalid
from kernel.permissions import RolePermission

MEMBER_ROLES = [(role.value, role.label) for role in (Role.USER, Role.COMPANY_ADMIN)]


class IsCompanyAdmin(RolePermission):
    message = "Only a company's administrator may do this."
    roles = (Role.COMPANY_ADMIN,)


THEIR_ADMINISTRATORS = [IsAuthenticated, IsCompanyAdmin]


class CompanySerializer(serializers.ModelSerializer[Company]):
    members = serializers.IntegerField(source="member_count", read_only=True, help_text="how many")
    created_at = MomentField(read_only=True)

    class Meta:
        model = Company
        fields = ("id", "slug", "name", "members", "created_at")
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[User]):
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "role", "is_active")
        read_only_fields = fields


class NewMemberSerializer(serializers.Serializer[Any]):
    user_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    role = serializers.ChoiceField(choices=MEMBER_ROLES, default=Role.USER.value)


class InviteSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=MEMBER_ROLES, default=Role.USER.value)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    company = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    created_at = MomentField(read_only=True)
    expires_at = MomentField(read_only=True)
    token = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = ("id", "company", "email", "role", "created_at", "expires_at", "token")
        read_only_fields = fields

    def get_token(self, invitation: Invitation) -> str | None:
        """Null where it goes out by mail; else to be handed over by hand, told this once."""
        token: str | None = self.context.get("token")
        return token


def _company(request: Request, slug: str) -> Company:
    """The company called `slug`, where the caller administers it; to anybody else it does not exist."""
    return get_object_or_404(selectors.administered_companies(user_of(request)), slug=slug)


class CompanyView(APIView):
    permission_classes = THEIR_ADMINISTRATORS

    @extend_schema(operation_id="company_retrieve", responses=CompanySerializer)
    def get(self, request: Request, slug: str) -> Response:
        """A company that the caller administers."""
        return Response(CompanySerializer(_company(request, slug)).data)


@extend_schema_view(get=extend_schema(operation_id="company_members"))
class MembersView(ListAPIView[User]):
    """Who belongs to the company."""

    permission_classes = THEIR_ADMINISTRATORS
    parser_classes = [UniqueKeysParser]
    serializer_class = MemberSerializer
    queryset = User.objects.none()
    filter_backends = []

    def get_queryset(self) -> QuerySet[User]:
        company = _company(self.request, self.kwargs["slug"])
        members: QuerySet[User] = User.objects.filter(company=company).order_by("pk")
        return members

    @extend_schema(operation_id="company_members_add", request=NewMemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Add somebody without asking them: for the platform's administrators. Others send invitations."""
        company = _company(request, slug)
        if not user_of(request).is_admin:
            raise InviteInstead
        body = read_body(NewMemberSerializer, request)
        user = User.objects.filter(pk=body["user_id"]).first()
        if user is None:
            raise Invalid.field("user_id", "There is no such user.")
        services.add_member(company=company, user=user, role=Role(body["role"]))
        return Response(MemberSerializer(user).data, status=status.HTTP_201_CREATED)


class MemberView(APIView):
    permission_classes = THEIR_ADMINISTRATORS

    @extend_schema(operation_id="company_members_remove", responses={204: NOTHING})
    def delete(self, request: Request, slug: str, user_id: str) -> Response:
        """Take somebody out of the company; their account stays."""
        member = get_object_or_404(User.objects.filter(company=_company(request, slug)), pk=user_id)
        services.remove_member(user=member)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(operation_id="company_invitations"))
class InvitationsView(ListAPIView[Invitation]):
    """Who is invited and has not answered yet."""

    permission_classes = THEIR_ADMINISTRATORS
    parser_classes = [UniqueKeysParser]
    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()
    filter_backends = []

    def get_queryset(self) -> QuerySet[Invitation]:
        company = _company(self.request, self.kwargs["slug"])
        return selectors.open_invitations(company)

    @extend_schema(
        operation_id="company_invitations_create", request=InviteSerializer, responses={201: InvitationSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Invite the owner of an address; by mail, or by the token in the answer where no mail is configured."""
        company = _company(request, slug)
        body = read_body(InviteSerializer, request)
        invitation, token = services.invite(
            company=company, email=body["email"], role=Role(body["role"]), invited_by=user_of(request)
        )
        answer = InvitationSerializer(invitation, context={"token": token}).data
        return Response(answer, status=status.HTTP_201_CREATED, headers=NO_STORE)


class InvitationView(APIView):
    permission_classes = THEIR_ADMINISTRATORS

    @extend_schema(operation_id="company_invitations_withdraw", responses={204: NOTHING})
    def delete(self, request: Request, slug: str, invitation_id: str) -> Response:
        """Withdraw an invitation: the link that was sent is good for nothing from then on."""
        company = _company(request, slug)
        invitation = get_object_or_404(selectors.open_invitations(company), pk=invitation_id)
        services.withdraw_invitation(invitation=invitation)
        return Response(status=status.HTTP_204_NO_CONTENT)


class AcceptView(APIView):
    parser_classes = [UniqueKeysParser]

    @extend_schema(operation_id="auth_invitations_accept", request=TokenSerializer, responses=MemberSerializer)
    def post(self, request: Request) -> Response:
        """Join the company that the caller's address was invited to; open sockets close, to come back as a member's."""
        user = user_of(request)
        services.accept_invitation(user=user, **read_body(TokenSerializer, request))
        return Response(MemberSerializer(user).data)
