"""What the doors of `auth/` have in common: reading a body, and knowing who knocks."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.api import serializers as shapes
from accounts.errors import SessionNeeded
from accounts.models import User
from accounts.tokens import AccessToken, TokenPair
from kernel.api.throttles import SIGN_IN

NOTHING = OpenApiResponse(description="Done.")
NO_STORE = {"Cache-Control": "no-store"}


class PublicView(APIView):
    """Open to everybody; no credential is looked at, so a stale one does no harm."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_group = SIGN_IN


def token_of(request: Request) -> AccessToken:
    """The caller's access token; raises `SessionNeeded` for a credential of another kind."""
    if not isinstance(request.auth, AccessToken):
        raise SessionNeeded
    return request.auth


def read_body(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated body; raises DRF's `ValidationError`."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def user_of(request: Request) -> User:
    """The caller, whom the view's permission has let in."""
    return cast(User, request.user)


def tokens(pair: TokenPair) -> Response:
    """A pair of tokens, which nobody between us and the client may keep."""
    return Response(shapes.TokenPairSerializer(pair).data, headers=NO_STORE)
