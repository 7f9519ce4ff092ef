"""What the links in mails lead to: proving an address, and choosing a new password."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api import serializers as shapes
from accounts.api.views.base import PublicView, read_body
from accounts.services.sessions import LONGEST_PASSWORD

LONGEST_TOKEN = 128


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=LONGEST_TOKEN, write_only=True)


class PasswordResetSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)


class PasswordResetConfirmSerializer(TokenSerializer):
    password = serializers.CharField(trim_whitespace=False, max_length=LONGEST_PASSWORD, write_only=True)


class DetailSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField(read_only=True)


class EmailConfirmView(PublicView):
    @extend_schema(operation_id="auth_email_confirm", request=TokenSerializer, responses=shapes.UserSerializer)
    def post(self, request: Request) -> Response:
        """Prove an address with the token that was mailed to it; from then on its owner can sign in."""
        user = services.confirm_email(**read_body(TokenSerializer, request))
        return Response(shapes.UserSerializer(user).data)


class PasswordResetView(PublicView):
    @extend_schema(
        operation_id="auth_password_reset", request=PasswordResetSerializer, responses={202: DetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Have a link mailed that sets a new password; the answer is the same whether the address has an account."""
        services.request_password_reset(**read_body(PasswordResetSerializer, request))
        body = {"detail": "If the address has an account, a mail is on its way to it."}
        return Response(DetailSerializer(body).data, status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(PublicView):
    @extend_schema(
        operation_id="auth_password_reset_confirm",
        request=PasswordResetConfirmSerializer,
        responses=DetailSerializer,
    )
    def post(self, request: Request) -> Response:
        """Set a new password with the token that was mailed; every session of the account ends."""
        services.reset_password(**read_body(PasswordResetConfirmSerializer, request))
        return Response(DetailSerializer({"detail": "The new password is set. Sign in with it."}).data)
