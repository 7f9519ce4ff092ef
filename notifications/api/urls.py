"""Paths of notifications: fixed words before user ids, and those before notification ids."""

from django.urls import path, re_path

from notifications.api.views import NotificationViewSet, PersonInboxView

ID = r"(?P<id>[A-Za-z0-9][A-Za-z0-9._:-]{0,99})"

view = NotificationViewSet.as_view

urlpatterns = [
    path("notifications", view({"get": "list", "post": "create"}), name="notification-list"),
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
]
