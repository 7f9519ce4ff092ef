"""Paths of health and versions."""

from django.urls import path

from control.api import views

urlpatterns = [
    path("health", views.HealthView.as_view(), name="health"),
    path("health/live", views.LiveView.as_view(), name="health-live"),
    path("health/ready", views.ReadyView.as_view(), name="health-ready"),
    path("health/components", views.ComponentsView.as_view(), name="health-components"),
    path("metrics", views.MetricsView.as_view(), name="metrics"),
    path("versions", views.VersionsView.as_view(), name="versions"),
    path("version", views.VersionView.as_view(), name="version"),
]
