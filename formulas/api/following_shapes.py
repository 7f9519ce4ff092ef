"""How subscriptions and reviews are written and shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from formulas import selectors
from formulas.api.serializers import PersonSerializer
from formulas.models import Formula, Review, Subscription
from kernel.api.fields import MomentField, NumberField


class SubscriptionWriteSerializer(serializers.Serializer[Any]):
    """A formula to follow."""

    formula_id = serializers.IntegerField(min_value=1)


class SubscriptionChangeSerializer(serializers.Serializer[Any]):
    """Whether its signals are sent as notifications."""

    notify = serializers.BooleanField()


class SubscribedFormulaSerializer(serializers.ModelSerializer[Formula]):
    """The formula as a subscription shows it."""

    performance_score = NumberField(max_digits=5, decimal_places=2, read_only=True, allow_null=True)
    created_by = PersonSerializer(source="author", read_only=True)

    class Meta:
        model = Formula
        fields = (
            "id", "name", "description", "category", "is_public", "is_retired", "performance_score",
            "total_subscribers", "created_by",
        )  # fmt: skip


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """A formula somebody follows."""

    formula = SubscribedFormulaSerializer(read_only=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = Subscription
        fields = ("id", "formula_id", "formula", "is_active", "notify", "created_at")


class SubscriptionStatusSerializer(serializers.Serializer[Any]):
    """Whether one gets a formula's signals, and the subscription if there is one, active or not."""

    formula_id = serializers.IntegerField()
    is_subscribed = serializers.BooleanField()
    subscription = SubscriptionSerializer(allow_null=True)


class ReviewWriteSerializer(serializers.Serializer[Any]):
    """A rating of 1 to 5 with an optional comment, signed unless `is_anonymous`."""

    formula_id = serializers.IntegerField(min_value=1)
    rating = serializers.IntegerField(min_value=1, max_value=5)
    comment = serializers.CharField(max_length=2_000, allow_blank=True, required=False)
    is_anonymous = serializers.BooleanField(required=False)


class ReviewChangeSerializer(serializers.Serializer[Any]):
    """Another rating or comment."""

    rating = serializers.IntegerField(min_value=1, max_value=5, required=False)
    comment = serializers.CharField(max_length=2_000, allow_blank=True, required=False)
    is_anonymous = serializers.BooleanField(required=False)


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A review as everyone reads it; without a name where its writer wanted none."""

    user = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)

    class Meta:
        model = Review
        fields = ("id", "formula_id", "user", "is_anonymous", "rating", "comment", "created_at", "updated_at")

    @extend_schema_field(PersonSerializer(allow_null=True))
    def get_user(self, review: Review) -> dict[str, Any] | None:
        is_shown = selectors.shows_reviewer(self.context["request"].user, review)
        return PersonSerializer(review.user).data if is_shown else None


class ReviewStatsSerializer(serializers.Serializer[Any]):
    """How a formula is rated: how many gave each of one to five."""

    formula_id = serializers.IntegerField()
    total_reviews = serializers.IntegerField()
    average_rating = serializers.FloatField(allow_null=True)
    rating_distribution = serializers.DictField(child=serializers.IntegerField())
