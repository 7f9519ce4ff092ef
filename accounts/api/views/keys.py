"""API keys: made, listed and revoked by their owner. No key opens these doors."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import credentials as shapes
from accounts.api.views.base import NO_STORE, NOTHING, read_body, user_of
from accounts.authentication import require_fresh
from accounts.models import ApiKey


@extend_schema_view(get=extend_schema(operation_id="auth_api_keys"))
class ApiKeysView(ListAPIView[ApiKey]):
    """The caller's keys."""

    serializer_class = shapes.ApiKeySerializer
    queryset = ApiKey.objects.none()
    filter_backends = []

    def get_queryset(self) -> QuerySet[ApiKey]:
        return selectors.api_keys(user_of(self.request))

    @extend_schema(
        operation_id="auth_api_keys_create",
        request=shapes.NewApiKeySerializer,
        responses={201: shapes.CreatedApiKeySerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a key, which is shown this once; needs a fresh sign-in."""
        require_fresh(request)
        key, text = services.create_api_key(user=user_of(request), **read_body(shapes.NewApiKeySerializer, request))
        body = {**shapes.ApiKeySerializer(key).data, "key": text}
        return Response(body, status=status.HTTP_201_CREATED, headers=NO_STORE)


class ApiKeyView(APIView):
    @extend_schema(operation_id="auth_api_keys_delete", responses={204: NOTHING})
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke a key: it is refused from now on and its sockets close."""
        key = get_object_or_404(selectors.api_keys(user_of(request)), pk=key_id)
        services.revoke_api_key(key=key)
        return Response(status=status.HTTP_204_NO_CONTENT)
