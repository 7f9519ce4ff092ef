"""The bodies of API keys, second factors and re-authentication."""

from typing import Any

from allauth.mfa.models import Authenticator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import password_field
from accounts.factors import codes
from accounts.models import ApiKey
from accounts.scopes import SCOPES
from kernel.api.fields import MomentField


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key as its owner sees it ever after: without its secret."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(SCOPES)), read_only=True)
    created_at = MomentField(read_only=True)
    last_used_at = MomentField(read_only=True, allow_null=True, help_text="to the minute")
    expires_at = MomentField(read_only=True, allow_null=True)

    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at")
        read_only_fields = fields


class NewApiKeySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)), min_length=1, max_length=len(SCOPES)
    )
    expires_at = MomentField(required=False, allow_null=True)


class CreatedApiKeySerializer(ApiKeySerializer):
    """A key and, this once, what its machine sends after `Authorization: Api-Key`."""

    key = serializers.CharField(read_only=True)

    class Meta:
        model = ApiKey
        fields = (*ApiKeySerializer.Meta.fields, "key")
        read_only_fields = fields


class FactorSerializer(serializers.ModelSerializer[Authenticator]):
    """An authenticator app, a passkey, or the recovery codes."""

    type = serializers.ChoiceField(choices=Authenticator.Type.choices, read_only=True)
    name = serializers.SerializerMethodField()
    codes_left = serializers.SerializerMethodField(help_text="of recovery codes, null for other types")
    created_at = MomentField(read_only=True)
    last_used_at = MomentField(read_only=True, allow_null=True)

    class Meta:
        model = Authenticator
        fields = ("id", "type", "name", "codes_left", "created_at", "last_used_at")
        read_only_fields = fields

    @extend_schema_field(str)
    def get_name(self, factor: Authenticator) -> str:
        return str(factor)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_codes_left(self, factor: Authenticator) -> int | None:
        return codes.recovery_codes_left(factor) if factor.type == Authenticator.Type.RECOVERY_CODES else None


class TotpEnrolmentSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(read_only=True, help_text="base32, to type where no camera is")
    otpauth_url = serializers.CharField(read_only=True)
    qr_svg = serializers.CharField(read_only=True)


def code_field(**options: Any) -> serializers.CharField:
    """Digits of an app or a recovery code; what is written between them does not matter."""
    return serializers.CharField(max_length=codes.LONGEST_CODE, write_only=True, **options)


class FactorCodeSerializer(serializers.Serializer[Any]):
    code = code_field()


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="shown this once; empty where there were some already"
    )


class ChallengeSerializer(serializers.Serializer[Any]):
    """What a browser needs to make or use a passkey."""

    challenge = serializers.CharField(read_only=True, help_text="send it back with the browser's answer")
    options = serializers.DictField(read_only=True, help_text="for `navigator.credentials`")


class PasskeyAnswerSerializer(serializers.Serializer[Any]):
    challenge = serializers.CharField(max_length=100, write_only=True)
    credential = serializers.DictField(write_only=True, help_text="`toJSON()` of what the browser has answered")


class NewPasskeySerializer(PasskeyAnswerSerializer):
    name = serializers.CharField(max_length=100, default="Passkey", write_only=True)


class CreatedPasskeySerializer(RecoveryCodesSerializer):
    passkey = FactorSerializer(read_only=True)


class ReauthenticateSerializer(serializers.Serializer[Any]):
    """One proof: the password, a code, or a passkey's answer to a challenge of `auth/login/passkey`."""

    password = password_field(required=False)
    code = code_field(required=False)
    challenge = serializers.CharField(max_length=100, write_only=True, required=False)
    credential = serializers.DictField(write_only=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        proofs = [name for name in ("password", "code", "credential") if attrs.get(name)]
        if len(proofs) != 1:
            raise serializers.ValidationError({"password": ["Bring one proof: a password, a code or a credential."]})
        return attrs


class FreshnessSerializer(serializers.Serializer[Any]):
    fresh_until = MomentField(read_only=True)
