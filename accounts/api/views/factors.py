"""Second factors: listed, enrolled in two steps, removed, and used to sign in or to prove oneself again."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, services
from accounts.api import credentials as shapes
from accounts.api.serializers import TokenPairSerializer
from accounts.api.views.base import NO_STORE, NOTHING, PublicView, read_body, token_of, tokens, user_of
from accounts.authentication import FRESH_FOR, require_fresh
from accounts.factors import passkeys
from kernel.api.throttles import SIGN_IN
from kernel.net import client_address


class ReauthenticateView(APIView):
    open_to_unenrolled = True
    throttle_group = SIGN_IN

    @extend_schema(
        operation_id="auth_reauthenticate",
        request=shapes.ReauthenticateSerializer,
        responses=shapes.FreshnessSerializer,
    )
    def post(self, request: Request) -> Response:
        """Prove a password or second factor again: sensitive steps are open to this sign-in for five minutes."""
        since = services.reauthenticate(
            session=token_of(request).session,
            address=client_address(request),
            **read_body(shapes.ReauthenticateSerializer, request),
        )
        return Response(shapes.FreshnessSerializer({"fresh_until": since + FRESH_FOR}).data)


class PasskeyLoginView(PublicView):
    @extend_schema(operation_id="auth_login_passkey", request=None, responses=shapes.ChallengeSerializer)
    def post(self, request: Request) -> Response:
        """Begin to sign in, or to prove oneself again, with a passkey."""
        return _challenge(*passkeys.begin_authentication())


class PasskeyLoginCompleteView(PublicView):
    @extend_schema(
        operation_id="auth_login_passkey_complete",
        request=shapes.PasskeyAnswerSerializer,
        responses=TokenPairSerializer,
    )
    def post(self, request: Request) -> Response:
        """Sign in with a passkey, which is a password and a second factor in one."""
        pair = services.sign_in_by_passkey(
            **read_body(shapes.PasskeyAnswerSerializer, request),
            user_agent=request.headers.get("User-Agent", ""),
            address=client_address(request),
        )
        return tokens(pair)


class FactorPage(APIView):
    """Where somebody without a second factor gets one, so that it must be open to them."""

    open_to_unenrolled = True


class FactorsView(FactorPage):
    @extend_schema(operation_id="auth_mfa", responses=shapes.FactorSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The caller's second factors; recovery codes are among them."""
        found = selectors.second_factors(user_of(request))
        return Response(shapes.FactorSerializer(found, many=True).data)


class FactorView(FactorPage):
    @extend_schema(operation_id="auth_mfa_delete", responses={204: NOTHING})
    def delete(self, request: Request, factor_id: str) -> Response:
        """Remove a factor, and the recovery codes with the last one; needs a fresh sign-in."""
        require_fresh(request)
        factor = get_object_or_404(selectors.second_factors(user_of(request)), pk=factor_id)
        services.remove_factor(factor=factor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TotpView(FactorPage):
    @extend_schema(operation_id="auth_mfa_totp", request=None, responses=shapes.TotpEnrolmentSerializer)
    def post(self, request: Request) -> Response:
        """Begin to enrol an authenticator app; needs a fresh sign-in."""
        require_fresh(request)
        enrolment = services.enrol_totp(session=token_of(request).session)
        return Response(shapes.TotpEnrolmentSerializer(enrolment).data, headers=NO_STORE)


class TotpConfirmView(FactorPage):
    @extend_schema(
        operation_id="auth_mfa_totp_confirm",
        request=shapes.FactorCodeSerializer,
        responses=shapes.RecoveryCodesSerializer,
    )
    def post(self, request: Request) -> Response:
        """Finish with a code of the app. The first factor brings recovery codes and ends the other sign-ins."""
        body = read_body(shapes.FactorCodeSerializer, request)
        return _recovery_codes(services.confirm_totp(session=token_of(request).session, **body))


class PasskeyView(FactorPage):
    @extend_schema(operation_id="auth_mfa_webauthn", request=None, responses=shapes.ChallengeSerializer)
    def post(self, request: Request) -> Response:
        """Begin to enrol a passkey; needs a fresh sign-in."""
        require_fresh(request)
        return _challenge(*services.begin_passkey(user=user_of(request)))


class PasskeyConfirmView(FactorPage):
    @extend_schema(
        operation_id="auth_mfa_webauthn_confirm",
        request=shapes.NewPasskeySerializer,
        responses={201: shapes.CreatedPasskeySerializer},
    )
    def post(self, request: Request) -> Response:
        """Finish with what the browser has made. The first factor brings recovery codes and ends other sign-ins."""
        body = read_body(shapes.NewPasskeySerializer, request)
        factor, recovery = services.confirm_passkey(session=token_of(request).session, **body)
        body = {"passkey": factor, "recovery_codes": recovery}
        return Response(shapes.CreatedPasskeySerializer(body).data, status=status.HTTP_201_CREATED, headers=NO_STORE)


class RecoveryCodesView(FactorPage):
    @extend_schema(operation_id="auth_mfa_recovery_codes", request=None, responses=shapes.RecoveryCodesSerializer)
    def post(self, request: Request) -> Response:
        """Ten new recovery codes in place of the old ones; needs a fresh sign-in."""
        require_fresh(request)
        return _recovery_codes(services.replace_recovery_codes(user=user_of(request)))


def _recovery_codes(new: list[str]) -> Response:
    return Response(shapes.RecoveryCodesSerializer({"recovery_codes": new}).data, headers=NO_STORE)


def _challenge(challenge: str, options: dict[str, Any]) -> Response:
    return Response(shapes.ChallengeSerializer({"challenge": challenge, "options": options}).data, headers=NO_STORE)
