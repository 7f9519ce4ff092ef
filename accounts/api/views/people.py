"""Signing up, in and out, and what one may see and change of oneself."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import serializers as shapes
from accounts.api.views.base import NOTHING, PublicView, read_body, token_of, tokens, user_of
from accounts.authentication import OptionalSessionTokenAuthentication
from accounts.models import Session, User
from accounts.registry import broker_statuses
from accounts.scopes import READ
from accounts.tokens import AccessToken
from kernel.net import client_address


class RegisterView(PublicView):
    @extend_schema(
        operation_id="auth_register", request=shapes.RegisterSerializer, responses={201: shapes.RegisteredSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make an account; where mail is configured, the link in the mail completes it."""
        user = services.sign_up(**read_body(shapes.RegisterSerializer, request))
        return Response(shapes.RegisteredSerializer(user).data, status=status.HTTP_201_CREATED)


class LoginView(PublicView):
    @extend_schema(operation_id="auth_login", request=shapes.LoginSerializer, responses=shapes.TokenPairSerializer)
    def post(self, request: Request) -> Response:
        """Sign in by email address or username."""
        pair = services.sign_in(
            **read_body(shapes.LoginSerializer, request),
            user_agent=request.headers.get("User-Agent", ""),
            address=client_address(request),
        )
        return tokens(pair)


class RefreshView(PublicView):
    @extend_schema(operation_id="auth_refresh", request=shapes.RefreshSerializer, responses=shapes.TokenPairSerializer)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair; showing a used one again ends the session."""
        return tokens(services.refresh(**read_body(shapes.RefreshSerializer, request)))


class LogoutView(APIView):
    open_to_unenrolled = True

    @extend_schema(operation_id="auth_logout", request=None, responses={204: NOTHING})
    def post(self, request: Request) -> Response:
        """End the session: its tokens are refused from now on and its sockets close."""
        services.sign_out(session=token_of(request).session)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    open_to_unenrolled = True
    required_scope = {"GET": READ, "HEAD": READ}

    @extend_schema(operation_id="auth_me", responses=shapes.UserSerializer)
    def get(self, request: Request) -> Response:
        """The caller's own account."""
        return Response(shapes.UserSerializer(user_of(request)).data)

    @extend_schema(operation_id="auth_me_update", request=shapes.ProfileSerializer, responses=shapes.UserSerializer)
    def patch(self, request: Request) -> Response:
        """Change one's own names."""
        user = services.update_profile(user=user_of(request), **read_body(shapes.ProfileSerializer, request))
        return Response(shapes.UserSerializer(user).data)


class PasswordChangeView(APIView):
    @extend_schema(
        operation_id="auth_password_change",
        request=shapes.PasswordChangeSerializer,
        responses=shapes.TokenPairSerializer,
    )
    def post(self, request: Request) -> Response:
        """Change one's own password: every other session ends, and this one goes on with the new tokens."""
        body = read_body(shapes.PasswordChangeSerializer, request)
        pair = services.change_password(session=token_of(request).session, address=client_address(request), **body)
        return tokens(pair)


class TicketView(APIView):
    @extend_schema(operation_id="auth_ws_ticket", request=None, responses=shapes.TicketSerializer)
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket, within seconds."""
        ticket = services.issue_ticket(token=token_of(request))
        body = {"ticket": ticket, "expires_in": services.TICKET_LIFETIME}
        return Response(shapes.TicketSerializer(body).data)


class StatusView(APIView):
    open_to_unenrolled = True
    authentication_classes = [OptionalSessionTokenAuthentication]
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="auth_status",
        auth=[{"bearer": []}, {}],  # type: ignore[list-item]  # the stubs know names alone
        responses=shapes.AuthStatusSerializer,
    )
    def get(self, request: Request) -> Response:
        """Whether the caller is signed in, as whom, and how their broker connections stand."""
        user = request.user if isinstance(request.user, User) else None
        brokers = broker_statuses(user) if user else []
        body = {"authenticated": user is not None, "user": user, "brokers": brokers}
        return Response(shapes.AuthStatusSerializer(body).data)


@extend_schema_view(get=extend_schema(operation_id="auth_sessions"))
class SessionsView(ListAPIView[Session]):
    """Where the caller is signed in."""

    serializer_class = shapes.SessionSerializer
    queryset = Session.objects.none()
    filter_backends = []

    def get_queryset(self) -> QuerySet[Session]:
        return selectors.open_sessions(user_of(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        token = self.request.auth
        current = token.session.pk if isinstance(token, AccessToken) else None
        return {**super().get_serializer_context(), "current": current}


class SessionView(APIView):
    @extend_schema(operation_id="auth_sessions_delete", responses={204: NOTHING})
    def delete(self, request: Request, session_id: str) -> Response:
        """Sign one of the caller's sessions out."""
        session = get_object_or_404(selectors.open_sessions(user_of(request)), pk=session_id)
        services.revoke_session(session=session, reason="its owner ended it from elsewhere")
        return Response(status=status.HTTP_204_NO_CONTENT)
