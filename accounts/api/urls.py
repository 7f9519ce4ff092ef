"""The paths of `auth/`."""

from django.urls import URLPattern, URLResolver, path

from accounts.api import schema as schema  # importing it registers it
from accounts.api import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/register", views.RegisterView.as_view(), name="auth-register"),
    path("auth/login", views.LoginView.as_view(), name="auth-login"),
    path("auth/refresh", views.RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", views.LogoutView.as_view(), name="auth-logout"),
    path("auth/me", views.MeView.as_view(), name="auth-me"),
    path("auth/status", views.StatusView.as_view(), name="auth-status"),
    path("auth/password/change", views.PasswordChangeView.as_view(), name="auth-password-change"),
    path("auth/ws-ticket", views.TicketView.as_view(), name="auth-ws-ticket"),
    path("auth/sessions", views.SessionsView.as_view(), name="auth-sessions"),
    path("auth/sessions/<uuid:session_id>", views.SessionView.as_view(), name="auth-session"),
]
