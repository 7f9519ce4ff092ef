"""The floor as a Django app: it owns the tables that every other app builds on."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "kernel"
    verbose_name = "Platform"
