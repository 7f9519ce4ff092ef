"""How notifications are written and shown."""

from decimal import Decimal
from typing import Any

import msgspec
from rest_framework import serializers

from kernel.api.fields import MomentField, NumberField
from notifications.models import Notification, Priority, status_of

LARGEST_DATA = 16 * 1024
SCORE_PLACES = 4
# What older clients call an answer, and what we call it.
ANSWERS = {"approve": "accept"}


class ScoreField(NumberField):
    """0 to 100; what a sender calculated with more than four decimals is rounded, not refused."""

    def __init__(self, **kwargs: Any) -> None:
        bounds = {"min_value": Decimal(0), "max_value": Decimal(100)}
        super().__init__(**{**bounds, "required": False, "allow_null": True, **kwargs})

    def validate_precision(self, value: Decimal) -> Decimal:
        if not 0 <= value <= 100:
            # Not rounded: a hair above the bound is above the bound.
            return super().validate_precision(value)
        return round(value, SCORE_PLACES) + 0  # which makes -0 plain 0


class DataField(serializers.JSONField):
    """A JSON object of a size that fits into one socket message."""

    default_error_messages = {
        "not_an_object": "An object is required.",
        "too_large": "At most {limit} bytes of JSON are allowed.",
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        if len(msgspec.json.encode(data)) > LARGEST_DATA:
            self.fail("too_large", limit=LARGEST_DATA)
        return data


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """A notification with the caller's own reading state."""

    stream = serializers.CharField(source="stream.name")
    confidence_score = NumberField(allow_null=True)
    urgency_score = NumberField(allow_null=True)
    promise_score = NumberField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]
    status = serializers.SerializerMethodField()
    read = serializers.SerializerMethodField()
    response = serializers.CharField(allow_null=True)
    created_at = MomentField()
    read_at = MomentField(allow_null=True)
    responded_at = MomentField(allow_null=True)

    class Meta:
        model = Notification
        fields = [
            "id",
            "stream",
            "seq",
            "type",
            "priority",
            "title",
            "message",
            "source",
            "symbol",
            "topic",
            "confidence_score",
            "urgency_score",
            "promise_score",
            "data",
            "status",
            "read",
            "response",
            "created_at",
            "read_at",
            "responded_at",
        ]
        read_only_fields = fields

    def get_status(self, row: Any) -> str:
        return status_of(row.read_at, row.responded_at)

    def get_read(self, row: Any) -> bool:
        return row.read_at is not None


class NotificationWriteSerializer(serializers.Serializer[Any]):
    """What a sender says. `user_id` is whom it is for: the sender where unsaid."""

    type = serializers.SlugField(max_length=50)
    priority = serializers.ChoiceField(choices=Priority.choices)
    title = serializers.CharField(max_length=200)
    message = serializers.CharField(max_length=10_000)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=50, required=False, allow_blank=True, allow_null=True
    )
    symbol = serializers.CharField(max_length=64, required=False, allow_blank=True, allow_null=True)
    topic = serializers.CharField(max_length=100, required=False, allow_blank=True, allow_null=True)
    confidence_score = ScoreField()
    urgency_score = ScoreField()
    promise_score = ScoreField()
    data = DataField(required=False, allow_null=True)  # type: ignore[assignment]
    user_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["source"] = attrs.get("source") or ""
        for name in ("symbol", "topic", "data", "user_id"):
            attrs[name] = attrs.get(name) or None
        return attrs


class NotificationChangeSerializer(serializers.Serializer[Any]):
    """Marking read or unread, and answering; `response_action` is another name for `response`."""

    read = serializers.BooleanField(required=False)
    response = serializers.CharField(max_length=200, required=False)
    response_action = serializers.CharField(max_length=200, required=False, write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if action := attrs.pop("response_action", None):
            attrs.setdefault("response", ANSWERS.get(action, action))
        return attrs


class ResponseSerializer(serializers.Serializer[Any]):
    """An answer: `accept`, `reject` or any words."""

    response = serializers.CharField(max_length=200)
    note = serializers.CharField(max_length=2_000, required=False, allow_blank=True)


class LegacyResponseSerializer(serializers.Serializer[Any]):
    """The same answer as query parameters: `action`, and the words of a `custom` one."""

    action = serializers.ChoiceField(choices=["accept", "approve", "reject", "snooze", "custom"])
    custom_message = serializers.CharField(max_length=200, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        words = attrs.get("custom_message", "")
        if attrs["action"] == "custom":
            if not words:
                raise serializers.ValidationError({"custom_message": ["A custom answer needs words."]})
            return {"response": words}
        return {"response": ANSWERS.get(attrs["action"], attrs["action"]), "note": words}


class SummarySerializer(serializers.Serializer[Any]):
    """Figures of the caller's inbox."""

    total = serializers.IntegerField()
    unread = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField())
    by_priority = serializers.DictField(child=serializers.IntegerField())
    by_status = serializers.DictField(child=serializers.IntegerField())
    responded = serializers.IntegerField()
    last_created_at = serializers.DateTimeField(allow_null=True)


class SentReceiptsSerializer(serializers.Serializer[Any]):
    """How many people; `channels` has `{queued, sent, delivered, failed}` by kind of channel."""

    recipients = serializers.IntegerField()
    delivered = serializers.IntegerField()
    read = serializers.IntegerField()
    responded = serializers.IntegerField()
    channels = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))


class OwnReceiptSerializer(serializers.Serializer[Any]):
    """When the caller's devices said that it arrived, when they read it and when they answered."""

    delivered_at = MomentField(allow_null=True)
    read_at = MomentField(allow_null=True)
    responded_at = MomentField(allow_null=True)


class ReceiptsSerializer(serializers.Serializer[Any]):
    """`sent` is for who sent the notification, `own` for who got it; null for anybody else."""

    sent = SentReceiptsSerializer(allow_null=True)
    own = OwnReceiptSerializer(allow_null=True)


class UnreadCountSerializer(serializers.Serializer[Any]):
    unread_count = serializers.IntegerField()


class MarkedSerializer(serializers.Serializer[Any]):
    """How many were marked, and how many are left."""

    marked = serializers.IntegerField()
    unread_count = serializers.IntegerField()
