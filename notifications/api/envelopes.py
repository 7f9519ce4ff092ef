"""What senders to many post: plain notifications, and the envelopes of an older protocol."""

from typing import Any

import msgspec
from rest_framework import serializers

from notifications.api.serializers import DataField
from notifications.models import Priority

LARGEST_PAYLOAD = 48 * 1024
# The envelopes tell how bad it is by their type.
PRIORITY_OF_TYPE = {**{priority: priority for priority in Priority.values}, "warning": Priority.MEDIUM}


class SendSerializer(serializers.Serializer[Any]):
    """A notification to everybody."""

    title = serializers.CharField(max_length=200)
    message = serializers.CharField(max_length=10_000)
    priority = serializers.ChoiceField(choices=Priority.choices, default=Priority.MEDIUM.value)
    topic = serializers.CharField(max_length=100, required=False, allow_blank=True, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**attrs, "topic": attrs.get("topic") or None}


class SentSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()


class EnvelopePayloadSerializer(serializers.Serializer[Any]):
    """The notification in an envelope. `id`, `created_at` and `read` are the sender's own and change nothing."""

    id = serializers.CharField(max_length=100, required=False)
    title = serializers.CharField(max_length=200)
    message = serializers.CharField(max_length=10_000)
    type = serializers.SlugField(max_length=50, default="notification")
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)
    created_at = serializers.DateTimeField(required=False, allow_null=True)
    read = serializers.BooleanField(required=False)
    data = DataField(  # type: ignore[assignment]
        required=False, allow_null=True, help_text="`topic` in it is the notification's topic."
    )

    def validate_data(self, data: dict[str, Any] | None) -> dict[str, Any]:
        topic = (data or {}).get("topic")
        if topic is not None and not (isinstance(topic, str) and len(topic) <= 100):
            raise serializers.ValidationError("`topic` must be a text of at most 100 characters.")
        return data or {}


class EnvelopeSerializer(serializers.Serializer[Any]):
    """A broadcast. Its `id` is the sender's own and tells repeats; it finds the notification afterwards."""

    id = serializers.RegexField(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z", max_length=100)
    type = serializers.SlugField(max_length=50, default="notification")
    payload = EnvelopePayloadSerializer()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As the fields of a notification, with the payload as it was `posted`."""
        posted, payload = self.initial_data["payload"], attrs["payload"]
        if len(msgspec.json.encode(posted)) > LARGEST_PAYLOAD:
            raise serializers.ValidationError({"payload": [f"At most {LARGEST_PAYLOAD} bytes of JSON are allowed."]})
        data = payload.get("data") or {}
        return {
            "external_id": attrs["id"],
            "type": payload["type"],
            "priority": payload.get("priority") or PRIORITY_OF_TYPE.get(payload["type"], Priority.MEDIUM),
            "title": payload["title"],
            "message": payload["message"],
            "topic": data.get("topic") or None,
            "data": data,
            "posted": posted,
        }


class BroadcastSerializer(serializers.Serializer[Any]):
    """That it was told, and to how many."""

    status = serializers.ChoiceField(choices=["success"])
    message = serializers.CharField()
    recipients = serializers.IntegerField()
