"""How formulas, deployments and signals are written and shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from formulas import selectors
from formulas.models import (
    Deployment,
    DeploymentStatus,
    Formula,
    FormulaVersion,
    Signal,
)
from kernel import clock
from kernel.api.fields import MomentField, NumberField
from kernel.permissions import ADMIN, has_role

CODE_LIMIT = 4_096
LONGEST_CODE = 20_000  # characters that are read at all, to say what is wrong with them


class PersonSerializer(serializers.Serializer[Any]):
    """Who made something."""

    id = serializers.IntegerField()
    username = serializers.CharField()


class SlugText(serializers.CharField):
    """A word of letters, digits, hyphens and underscores, kept in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=50, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).lower()
        if not all(character.isalnum() or character in "-_" for character in text):
            raise serializers.ValidationError("Only letters, digits, hyphens and underscores are allowed.")
        return text


class FormulaWriteSerializer(serializers.Serializer[Any]):
    """What an author sends."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=5_000, allow_blank=True, allow_null=True, required=False)
    # The compiler has the word on length as well, with a message that says what to do.
    formula_code = serializers.CharField(max_length=LONGEST_CODE, trim_whitespace=False)
    category = SlugText(allow_blank=True, allow_null=True, required=False)
    tags = serializers.ListField(child=SlugText(), max_length=20, required=False, allow_null=True)
    is_public = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # The documents allow null for what may be left out.
        empty: dict[str, Any] = {"description": "", "category": "", "tags": []}
        return {name: empty[name] if value is None else value for name, value in attrs.items()}


class FormulaSerializer(serializers.ModelSerializer[Formula]):
    """A formula as its reader may see it."""

    formula_code = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True, read_only=True)
    performance_score = NumberField(max_digits=5, decimal_places=2, read_only=True, allow_null=True)
    total_subscribers = serializers.IntegerField(read_only=True)
    average_rating = serializers.FloatField(read_only=True, allow_null=True)
    total_reviews = serializers.IntegerField(read_only=True)
    is_subscribed = serializers.SerializerMethodField()
    created_by = PersonSerializer(source="author", read_only=True)
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)

    class Meta:
        model = Formula
        fields = (
            "id",
            "name",
            "description",
            "formula_code",
            "category",
            "tags",
            "is_public",
            "is_retired",
            "version",
            "performance_score",
            "total_subscribers",
            "average_rating",
            "total_reviews",
            "is_subscribed",
            "created_by",
            "created_at",
            "updated_at",
        )

    def get_formula_code(self, formula: Formula) -> str | None:
        user = self.context["request"].user
        opened = self.context.get("may_read_code")
        if opened is None:  # in a list, of which nobody is on record for reading
            opened = selectors.may_read_code(user, formula) and not selectors.is_guarded(user, formula)
        return formula.version.code if opened and formula.version else None

    def get_tags(self, formula: Formula) -> list[str]:
        return [tag.name for tag in formula.tag_list]  # type: ignore[attr-defined]  # of `as_shown`

    def get_is_subscribed(self, formula: Formula) -> bool:
        return bool(getattr(formula, "own_subscriptions", ()))


class FaultSerializer(serializers.Serializer[Any]):
    """One fault of a formula's code."""

    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()
    hint = serializers.CharField()


class ParameterSerializer(serializers.Serializer[Any]):
    """One parameter of a formula."""

    name = serializers.CharField()
    default = serializers.FloatField()
    min = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    step = serializers.FloatField(allow_null=True)


class CodeSerializer(serializers.Serializer[Any]):
    """Code to be checked; any length is taken, for the compiler itself says what is too long."""

    formula_code = serializers.CharField(max_length=LONGEST_CODE, trim_whitespace=False, allow_blank=True)


class CheckSerializer(serializers.Serializer[Any]):
    """What the compiler says of code."""

    valid = serializers.BooleanField()
    errors = FaultSerializer(many=True)  # type: ignore[assignment]
    indicators = serializers.ListField(child=serializers.CharField())
    parameters = ParameterSerializer(many=True)
    warmup_bars = serializers.IntegerField(allow_null=True)


class VersionSerializer(serializers.ModelSerializer[FormulaVersion]):
    """A version of a formula; its code, and the params that are part of it, are shown to those who may read it."""

    formula_code = serializers.SerializerMethodField()
    parameters = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)

    class Meta:
        model = FormulaVersion
        fields = ("number", "version_hash", "formula_code", "parameters", "warmup_bars", "created_at")

    def get_formula_code(self, version: FormulaVersion) -> str | None:
        return version.code if self.context["may_read_code"] else None

    @extend_schema_field(ParameterSerializer(many=True, allow_null=True))
    def get_parameters(self, version: FormulaVersion) -> list[dict[str, Any]] | None:
        return version.parameters if self.context["may_read_code"] else None


class DeploymentWriteSerializer(serializers.Serializer[Any]):
    """A formula to be run live."""

    formula_id = serializers.IntegerField(min_value=1)
    symbol = serializers.CharField(max_length=64)
    resolution = serializers.CharField(max_length=8)
    parameters = serializers.DictField(child=serializers.FloatField(), required=False, allow_empty=True)


class DeploymentChangeSerializer(serializers.Serializer[Any]):
    """Pause, resume or stop."""

    status = serializers.ChoiceField(
        choices=[DeploymentStatus.RUNNING, DeploymentStatus.PAUSED, DeploymentStatus.STOPPED]
    )


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """A formula running live."""

    version = serializers.IntegerField(source="version.number", read_only=True)
    symbol = serializers.CharField(source="instrument.symbol", read_only=True)
    stale_since = MomentField(read_only=True, allow_null=True)
    last_bar_time = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)

    class Meta:
        model = Deployment
        fields = (
            "id",
            "formula_id",
            "version",
            "symbol",
            "resolution",
            "parameters",
            "status",
            "detail",
            "is_warming",
            "stale_since",
            "last_bar_time",
            "created_at",
            "updated_at",
        )

    def get_last_bar_time(self, deployment: Deployment) -> str | None:
        through = deployment.evaluated_through
        return None if through is None else clock.isoformat(clock.from_epoch(through))


class ReasonSerializer(serializers.Serializer[Any]):
    """One sub-expression that decided a signal, with its value on that bar."""

    expression = serializers.CharField()
    value = serializers.JSONField()


class SignalSerializer(serializers.ModelSerializer[Signal]):
    """A signal with what explains it."""

    formula_name = serializers.CharField(source="formula.name", read_only=True)
    formula_version = serializers.IntegerField(source="version.number", read_only=True)
    symbol = serializers.CharField(source="instrument.symbol", read_only=True)
    price = NumberField(read_only=True)
    strength = NumberField(max_digits=5, decimal_places=4, read_only=True, allow_null=True)
    bar_time = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)

    class Meta:
        model = Signal
        fields = (
            "id",
            "deployment_id",
            "formula_id",
            "formula_name",
            "formula_version",
            "symbol",
            "resolution",
            "side",
            "action",
            "price",
            "strength",
            "bar_time",
            "reason",
            "created_at",
        )

    def get_bar_time(self, signal: Signal) -> str:
        return clock.isoformat(clock.from_epoch(signal.bar_time))

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reason(self, signal: Signal) -> list[dict[str, Any]]:
        """Empty for those who may not read the formula: it is told in the formula's own words."""
        return list(signal.reason) if self._may_read(signal) else []

    def _may_read(self, signal: Signal) -> bool:
        user = self.context["request"].user
        return signal.formula.is_public or signal.formula.author_id == user.pk or has_role(user, ADMIN)
