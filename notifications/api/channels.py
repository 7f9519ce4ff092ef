"""The doors to one's own channels: addresses outside of the platform that notifications go to."""

from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from kernel.api.fields import MomentField
from notifications import services
from notifications.channels import Field, Transport, find_transport, kind_choices
from notifications.delivery import shown_config, status_of_channel
from notifications.models import Channel, ChannelStatus, Delivery, DeliveryPurpose, DeliveryState

SCOPES = dict.fromkeys(("POST", "PATCH", "DELETE", "PUT"), "channels:write")
NO_STORE = {"Cache-Control": "no-store"}


class ChannelFieldSerializer(serializers.Serializer[Field]):
    """One thing that a channel of some kind is told."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField()
    is_secret = serializers.BooleanField()
    is_required = serializers.BooleanField()
    default = serializers.CharField()


class ChannelKindSerializer(serializers.Serializer[Any]):
    """A kind of channel: its `config_fields` make the `config`; `options` is what a client has to know before."""

    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    config_fields = ChannelFieldSerializer(many=True)
    needs_code = serializers.BooleanField(help_text="else the first message proves it")
    options = serializers.DictField(child=serializers.CharField())


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    """A channel as its owner sees it: what is secret in `config` is eight asterisks."""

    config = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    verified_at = MomentField(allow_null=True)
    paused_until = MomentField(allow_null=True)
    last_sent_at = MomentField(allow_null=True)
    created_at = MomentField()

    class Meta:
        model = Channel
        fields = [
            "id",
            "kind",
            "name",
            "address",
            "config",
            "status",
            "is_enabled",
            "verified_at",
            "paused_until",
            "last_error",
            "last_sent_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_config(self, channel: Channel) -> dict[str, str]:
        return shown_config(channel)

    @extend_schema_field(serializers.ChoiceField(choices=ChannelStatus.choices))
    def get_status(self, channel: Channel) -> str:
        return status_of_channel(channel).value


class CreatedChannelSerializer(ChannelSerializer):
    """A new channel; a webhook's `secret` is shown this once."""

    secret = serializers.CharField(allow_null=True)

    class Meta(ChannelSerializer.Meta):
        fields = [*ChannelSerializer.Meta.fields, "secret"]


class NewChannelSerializer(serializers.Serializer[Any]):
    """`config` holds the fields of the kind, as `notifications/channels/kinds` lists them."""

    kind = serializers.ChoiceField(choices=kind_choices())
    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    config = serializers.DictField()


class ChannelChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is; in `config` as well."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    is_enabled = serializers.BooleanField(required=False)
    config = serializers.DictField(required=False)


class ChannelCodeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=20)


class ChannelSecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField()


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One message to a channel: how it stands, after how many attempts, and why the last one failed."""

    purpose = serializers.ChoiceField(choices=DeliveryPurpose.choices)
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    due_at = MomentField()
    sent_at = MomentField(allow_null=True)
    created_at = MomentField()

    class Meta:
        model = Delivery
        fields = [
            "id",
            "notification_id",
            "channel_id",
            "kind",
            "purpose",
            "state",
            "attempts",
            "reason",
            "due_at",
            "sent_at",
            "created_at",
        ]
        read_only_fields = fields


class KindsView(APIView):
    @extend_schema(operation_id="notification_channel_kinds", responses=ChannelKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the kinds of channels and what each has to be told."""
        transports = [transport for key, _ in kind_choices() if (transport := find_transport(key))]
        return Response([ChannelKindSerializer(_described(transport)).data for transport in transports])


@extend_schema_view(list=extend_schema(operation_id="notification_channels"))
class ChannelViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Channel]):
    """One's own channels. Nothing but a code goes to one that is not proven."""

    serializer_class = ChannelSerializer
    queryset = Channel.objects.none()
    lookup_field = "id"
    required_scope = SCOPES

    def get_queryset(self) -> QuerySet[Channel]:
        return Channel.objects.visible_to(self.request.user).select_related("user")

    @extend_schema(
        operation_id="notification_channels_create",
        request=NewChannelSerializer,
        responses={201: CreatedChannelSerializer},
    )
    def create(self, request: Request) -> Response:
        """Add a channel. Unless it is the account's own confirmed address, a code goes there, to be brought back."""
        fields = _read(NewChannelSerializer, request)
        channel, secrets = services.create_channel(user=cast(User, request.user), **fields)
        body = {**ChannelSerializer(channel).data, "secret": secrets.get("secret")}
        return Response(body, status=status.HTTP_201_CREATED, headers=NO_STORE)

    @extend_schema(operation_id="notification_channel")
    def retrieve(self, request: Request, id: str) -> Response:
        """Show a channel and how it does."""
        return Response(ChannelSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="notification_channel_update", request=ChannelChangeSerializer, responses=ChannelSerializer
    )
    def partial_update(self, request: Request, id: str) -> Response:
        """Rename a channel, switch it on or off, or point it elsewhere, which has to be proven anew."""
        channel = services.change_channel(channel=self.get_object(), **_read(ChannelChangeSerializer, request))
        return Response(ChannelSerializer(channel).data)

    @extend_schema(operation_id="notification_channel_delete", responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete a channel: what waits for it is not sent."""
        services.delete_channel(channel=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="notification_channel_verify", request=ChannelCodeSerializer, responses=ChannelSerializer
    )
    def verify(self, request: Request, id: str) -> Response:
        """Prove a channel with the code that was sent to it."""
        channel = services.verify_channel(channel=self.get_object(), **_read(ChannelCodeSerializer, request))
        return Response(ChannelSerializer(channel).data)

    @extend_schema(operation_id="notification_channel_code", request=None, responses={202: ChannelSerializer})
    def send_code(self, request: Request, id: str) -> Response:
        """Have another code sent; the one before counts no more."""
        channel = self.get_object()
        services.send_code(channel=channel)
        return Response(ChannelSerializer(channel).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(operation_id="notification_channel_test", request=None, responses={202: DeliverySerializer})
    def test(self, request: Request, id: str) -> Response:
        """Send something to a proven channel; what became of it is in the channel's deliveries."""
        delivery = services.send_test(channel=self.get_object())
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(operation_id="notification_channel_secret", request=None, responses=ChannelSecretSerializer)
    def rotate_secret(self, request: Request, id: str) -> Response:
        """Make a webhook a new secret, shown this once; for a day the old one signs as well."""
        secret = services.rotate_secret(channel=self.get_object())
        return Response({"secret": secret}, headers=NO_STORE)


@extend_schema_view(list=extend_schema(operation_id="notification_channel_deliveries"))
class ChannelDeliveriesView(mixins.ListModelMixin, viewsets.GenericViewSet[Delivery]):
    """What was sent to one of one's own channels, or is to be."""

    serializer_class = DeliverySerializer
    queryset = Delivery.objects.none()

    def get_queryset(self) -> QuerySet[Delivery]:
        channels = Channel.objects.visible_to(self.request.user)
        channel = get_object_or_404(channels, pk=self.kwargs["id"])
        return Delivery.objects.visible_to(self.request.user).filter(channel=channel)


def _described(transport: Transport) -> dict[str, Any]:
    return {
        "kind": transport.key,
        "label": transport.label,
        "config_fields": transport.fields,
        "needs_code": not transport.is_proven_by_sending,
        "options": transport.options(),
    }


def _read(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated body; raises a validation error that names each field."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)
