"""Paths of notifications: fixed words before user ids, and those before notification ids."""

from django.urls import path, re_path

from notifications.api.broadcasts import (
    CompanyBroadcastView,
    CompanyRoleBroadcastView,
    RoleBroadcastView,
    SendView,
)
from notifications.api.channel_urls import urlpatterns as channels
from notifications.api.export import ExportView
from notifications.api.views import NotificationViewSet, PersonInboxView

ID = r"(?P<id>[A-Za-z0-9][A-Za-z0-9._:-]{0,99})"

COMPANY = r"(?P<company>[A-Za-z0-9_-]{1,50})"
ROLE = r"(?P<role>[A-Za-z0-9_-]{1,50})"

view = NotificationViewSet.as_view

urlpatterns = [
    *channels,
    path("notifications", view({"get": "list", "post": "create", "delete": "clear"}), name="notification-list"),
    path("notifications/export", ExportView.as_view(), name="notification-export"),
    path("notifications/send", SendView.as_view(), name="notification-send"),
    path("notifications/read-all", view({"post": "read_all", "put": "read_all"}), name="notification-read-all"),
    path("notifications/stats/summary", view({"get": "summary"}), name="notification-summary"),
    path("notifications/unread/count", view({"get": "unread_count"}), name="notification-unread-count"),
    re_path(
        r"^notifications/(?P<user_id>[1-9][0-9]{0,17})\Z",
        PersonInboxView.as_view({"get": "list"}),
        name="notification-of-user",
    ),
    re_path(
        rf"^notifications/{ID}\Z",
        view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="notification-detail",
    ),
    re_path(
        rf"^notifications/{ID}/read\Z",
        view({"put": "read"}),
        name="notification-read",
    ),
    re_path(
        rf"^notifications/{ID}/respond\Z",
        view({"post": "respond"}),
        name="notification-respond",
    ),
    re_path(rf"^notifications/{ID}/receipts\Z", view({"get": "receipts"}), name="notification-receipts"),
    re_path(rf"^broadcast/company/{COMPANY}\Z", CompanyBroadcastView.as_view(), name="broadcast-company"),
    re_path(rf"^broadcast/role/{ROLE}\Z", RoleBroadcastView.as_view(), name="broadcast-role"),
    re_path(
        rf"^broadcast/company/{COMPANY}/role/{ROLE}\Z",
        CompanyRoleBroadcastView.as_view(),
        name="broadcast-company-role",
    ),
]
