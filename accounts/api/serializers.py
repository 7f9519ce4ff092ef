"""The bodies of `auth/`: what it reads and what it shows."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Role, Session, User
from accounts.services.sessions import LONGEST_PASSWORD
from kernel.api.fields import MomentField


def password_field(**options: Any) -> serializers.CharField:
    # Spaces at the ends are part of a password.
    return serializers.CharField(trim_whitespace=False, write_only=True, **options)


class UserSerializer(serializers.ModelSerializer[User]):
    """An account as its owner sees it."""

    company = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    kyc_status = serializers.CharField(read_only=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "username",
            "first_name",
            "last_name",
            "company",
            "role",
            "kyc_status",
            "is_active",
            "created_at",
        )
        read_only_fields = fields


class RegisterSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    username = serializers.CharField(max_length=150)
    password = password_field(max_length=LONGEST_PASSWORD)


class RegisteredSerializer(UserSerializer):
    """The new account. Where mail is configured `id` is null: the mail tells its owner how it goes on."""

    id = serializers.IntegerField(read_only=True, allow_null=True)


class ProfileSerializer(serializers.Serializer[Any]):
    """What one may change of oneself; anything else sent is left as it is."""

    username = serializers.CharField(max_length=150, required=False)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)


class LoginSerializer(serializers.Serializer[Any]):
    """Either name serves in either field: clients differ in what they call it.

    Somebody with a second factor brings a code of it, or gets 401 `mfa_required`; a passkey signs in elsewhere.
    """

    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    username = serializers.CharField(max_length=254, required=False, allow_blank=True)
    password = password_field()
    code = serializers.CharField(
        max_length=20, required=False, default="", write_only=True, help_text="of those who have a second factor"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        login = attrs.get("email") or attrs.get("username")
        if not login:
            message = "An email address or a username is required."
            raise serializers.ValidationError({"email": [message], "username": [message]})
        return {"login": login, "password": attrs["password"], "code": attrs["code"]}


class RefreshSerializer(serializers.Serializer[Any]):
    refresh_token = serializers.CharField(write_only=True)


class TokenPairSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField(read_only=True)
    refresh_token = serializers.CharField(read_only=True)
    token_type = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="seconds until the access token ends")


class PasswordChangeSerializer(serializers.Serializer[Any]):
    current_password = password_field()
    new_password = password_field(max_length=LONGEST_PASSWORD)


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="seconds")


class BrokerStatusSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    broker_name = serializers.CharField()
    status = serializers.CharField()
    expires_at = MomentField(allow_null=True)


class AuthStatusSerializer(serializers.Serializer[Any]):
    authenticated = serializers.BooleanField(read_only=True)
    user = UserSerializer(read_only=True, allow_null=True)
    brokers = BrokerStatusSerializer(many=True, read_only=True)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A place where one is signed in; `is_current` marks the caller's own."""

    created_at = MomentField(read_only=True)
    last_used_at = MomentField(read_only=True)
    expires_at = MomentField(read_only=True)
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ("id", "created_at", "last_used_at", "expires_at", "user_agent", "address", "is_current")
        read_only_fields = fields

    @extend_schema_field(bool)
    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context.get("current"))
