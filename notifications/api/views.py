"""The doors to notifications."""

from functools import cached_property
from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.utils import translate_validation
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.models import User
from kernel.api.idempotency import idempotent
from kernel.errors import Invalid
from kernel.permissions import ADMIN, OPERATOR, has_role
from notifications import selectors, services
from notifications.api import serializers as shapes
from notifications.api.filters import NotificationFilter
from notifications.api.pages import NotificationPages
from notifications.errors import MayNotSendToOthers
from notifications.models import Notification

ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="its UUID in any case, or its sender's own id")


def read_fields(serializer: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """`data` as `serializer` understands it; raises a validation error that names each field."""
    reader = serializer(data=data)
    reader.is_valid(raise_exception=True)
    return cast(dict[str, Any], reader.validated_data)


class InboxView(viewsets.GenericViewSet[Notification], mixins.ListModelMixin):
    """A list of what is addressed to one person."""

    serializer_class = shapes.NotificationSerializer
    filterset_class = NotificationFilter
    pagination_class = NotificationPages
    queryset = Notification.objects.none()

    @cached_property
    def owner(self) -> User:
        """Whose inbox it is."""
        return cast(User, self.request.user)

    def get_queryset(self) -> QuerySet[Notification]:
        return selectors.inbox(self.owner)

    def filter_queryset(self, queryset: QuerySet[Notification, Any]) -> Any:
        """The rows that were asked for; raises a validation error that names each filter that is wrong."""
        wanted = NotificationFilter(self.request.query_params, queryset=queryset, request=self.request)
        if not wanted.is_valid():
            raise translate_validation(wanted.errors)
        inbox = cast(NotificationPages, self.paginator).inbox = selectors.Inbox(self.owner)
        return wanted.rows(inbox)


# In the document this is the same path as that of one notification, which describes both.
@extend_schema_view(list=extend_schema(exclude=True))
class PersonInboxView(InboxView):
    """One's own inbox by user id; an administrator reads anybody's."""

    @cached_property
    def owner(self) -> User:
        visible: QuerySet[User] = User.objects.visible_to(self.request.user)
        return get_object_or_404(visible, pk=self.kwargs["user_id"])


class NotificationViewSet(InboxView):
    """One's own inbox."""

    def _shown(self, id: str) -> Response:
        notification = selectors.find_notification(self.request.user, id)
        return Response(self.get_serializer(notification).data)

    @extend_schema(request=shapes.NotificationWriteSerializer, responses={201: shapes.NotificationSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Send a notification to oneself; an operator may name somebody else."""
        fields = read_fields(shapes.NotificationWriteSerializer, request.data)
        recipient = _recipient(request, fields.pop("user_id"))
        sender: User = cast(User, request.user)
        notification = services.notify_user(user_id=recipient.pk, sender_id=sender.pk, **fields)
        return Response(self.get_serializer(selectors.as_new(notification)).data, status=201)

    @extend_schema(parameters=[ID], responses=shapes.NotificationSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        """Show one notification. A whole number is a user's id: it answers the list of their notifications, as the
        list of one's own; one's own id, or anybody's for an administrator. Who sent a notification finds it as well."""
        notification = selectors.find_notification(request.user, id, or_sent=True)
        return Response(self.get_serializer(notification).data)

    @extend_schema(
        parameters=[ID],
        request=shapes.NotificationChangeSerializer,
        responses=shapes.NotificationSerializer,
    )
    def partial_update(self, request: Request, id: str) -> Response:
        """Mark read or unread, or answer."""
        notification = selectors.find_notification(request.user, id)
        fields = read_fields(shapes.NotificationChangeSerializer, request.data)
        if "response" in fields:
            services.respond(user=request.user, notification=notification, response=fields["response"])
        elif fields.get("read") is True:
            services.mark_read(user=request.user, notification_ids=[notification.pk])
        elif fields.get("read") is False:
            services.mark_unread(user=request.user, notification=notification)
        return self._shown(id)

    @extend_schema(parameters=[ID], responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Take a notification out of one's own inbox; other recipients keep it."""
        notification = selectors.find_notification(request.user, id)
        services.hide(user=request.user, notification=notification)
        return Response(status=204)

    @extend_schema(parameters=[ID], request=None, responses=shapes.NotificationSerializer)
    def read(self, request: Request, id: str) -> Response:
        """Mark a notification read."""
        notification = selectors.find_notification(request.user, id)
        services.mark_read(user=request.user, notification_ids=[notification.pk])
        return self._shown(id)

    @extend_schema(
        parameters=[
            ID,
            OpenApiParameter("action", OpenApiTypes.STR, enum=["accept", "approve", "reject", "snooze", "custom"]),
            OpenApiParameter("custom_message", OpenApiTypes.STR),
        ],
        request=shapes.ResponseSerializer,
        responses=shapes.NotificationSerializer,
    )
    def respond(self, request: Request, id: str) -> Response:
        """Answer a notification, in the body or in the query as older clients do."""
        notification = selectors.find_notification(request.user, id)
        if "action" in request.query_params:
            fields = read_fields(shapes.LegacyResponseSerializer, request.query_params)
        else:
            fields = read_fields(shapes.ResponseSerializer, request.data)
        services.respond(user=request.user, notification=notification, **fields)
        return self._shown(id)

    @extend_schema(parameters=[ID], responses=shapes.ReceiptsSerializer)
    def receipts(self, request: Request, id: str) -> Response:
        """How far a notification has come: in numbers for who sent it, and one's own times for who got it."""
        found = selectors.find_receipts(request.user, id)
        return Response(shapes.ReceiptsSerializer(found).data)

    @extend_schema(operation_id="notifications_clear", responses={204: None})
    def clear(self, request: Request) -> Response:
        """Take everything out of one's own inbox; other recipients keep it."""
        services.clear_inbox(user=request.user)
        return Response(status=204)

    @extend_schema(request=None, responses=shapes.MarkedSerializer)
    def read_all(self, request: Request) -> Response:
        """Mark the whole inbox read."""
        marked = services.mark_all_read(user=request.user)
        return Response({"marked": marked, "unread_count": selectors.count_unread(request.user)})

    @extend_schema(responses=shapes.SummarySerializer)
    def summary(self, request: Request) -> Response:
        """Count the inbox by type, priority and status."""
        return Response(selectors.summarize(request.user))

    @extend_schema(responses=shapes.UnreadCountSerializer)
    def unread_count(self, request: Request) -> Response:
        """Count what is unread."""
        return Response({"unread_count": selectors.count_unread(request.user)})


def _recipient(request: Request, user_id: int | None) -> User:
    """Whom to send to; raises `MayNotSendToOthers`, and `Invalid` where there is nobody of that id."""
    sender = cast(User, request.user)
    if user_id is None or user_id == sender.pk:
        return sender
    if not has_role(sender, ADMIN, OPERATOR):
        raise MayNotSendToOthers
    recipient: User | None = User.objects.filter(pk=user_id).first()
    if recipient is None:
        raise Invalid.field("user_id", "There is no such user.")
    return recipient
