"""The door to one's own preferences: which notifications, by which ways, and when not."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from notifications import services
from notifications.channels import ways
from notifications.delivery import rules_of
from notifications.models import Priority
from notifications.rules import DIGESTS, Rules


class QuietHoursSerializer(serializers.Serializer[Any]):
    """From `start` to `end` (`22:00`) on the clocks of `timezone`, across midnight where `end` is the earlier."""

    start = serializers.CharField()
    end = serializers.CharField()
    timezone = serializers.CharField()


class PreferenceRuleSerializer(serializers.Serializer[Any]):
    """How a type reaches one. What is critical waits neither for the end of quiet hours nor for a digest."""

    channels = serializers.ListField(child=serializers.ChoiceField(choices=ways()), required=False)
    min_priority = serializers.ChoiceField(choices=Priority.choices, required=False)
    quiet_hours = QuietHoursSerializer(required=False, allow_null=True)
    digest = serializers.ChoiceField(choices=DIGESTS, required=False)


class PreferencesSerializer(serializers.Serializer[Any]):
    """A rule for every type, and what differs from it by type."""

    default = PreferenceRuleSerializer(required=False)
    types = serializers.DictField(child=PreferenceRuleSerializer(), required=False)


class PreferencesView(APIView):
    """The caller's preferences, in one document."""

    required_scope = {"PUT": "channels:write"}

    @extend_schema(operation_id="notification_preferences", responses=PreferencesSerializer)
    def get(self, request: Request) -> Response:
        """Show every rule in full, also where nothing was ever set."""
        return _shown(rules_of(cast(User, request.user).pk))

    @extend_schema(
        operation_id="notification_preferences_update",
        request=PreferencesSerializer,
        responses=PreferencesSerializer,
    )
    def put(self, request: Request) -> Response:
        """Set all preferences anew; a type says only what differs from the default."""
        return _shown(
            services.save_preferences(user=cast(User, request.user), rules=cast(dict[str, Any], request.data))
        )


def _shown(rules: Rules) -> Response:
    return Response(rules.shown())
