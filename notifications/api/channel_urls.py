"""Paths of channels, preferences and links that answer."""

from django.urls import path, re_path

from notifications.api.answers import answer
from notifications.api.channels import ChannelDeliveriesView, ChannelViewSet, KindsView
from notifications.api.preferences import PreferencesView

CHANNEL = r"^notifications/channels/(?P<id>[1-9][0-9]{0,17})"

view = ChannelViewSet.as_view

urlpatterns = [
    path("notifications/channels", view({"get": "list", "post": "create"}), name="channels"),
    path("notifications/channels/kinds", KindsView.as_view(), name="channel-kinds"),
    re_path(
        rf"{CHANNEL}\Z",
        view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="channel",
    ),
    re_path(rf"{CHANNEL}/code\Z", view({"post": "send_code"}), name="channel-code"),
    re_path(rf"{CHANNEL}/verify\Z", view({"post": "verify"}), name="channel-verify"),
    re_path(rf"{CHANNEL}/test\Z", view({"post": "test"}), name="channel-test"),
    re_path(rf"{CHANNEL}/secret\Z", view({"post": "rotate_secret"}), name="channel-secret"),
    re_path(rf"{CHANNEL}/deliveries\Z", ChannelDeliveriesView.as_view({"get": "list"}), name="channel-deliveries"),
    path("notifications/preferences", PreferencesView.as_view(), name="notification-preferences"),
    re_path(r"^notifications/answer/(?P<token>[A-Za-z0-9_-]{20,100})\Z", answer, name="notification-answer"),
]
