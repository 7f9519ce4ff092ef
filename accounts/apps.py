"""Accounts as a Django app; after each migration the staff roles get their permissions."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        # Importing earlier would load models before the registry is ready.
        from accounts.roles import grant_permissions

        # For every app's sender: an app's permissions exist only once it has been migrated itself.
        post_migrate.connect(grant_permissions, dispatch_uid="accounts.roles.grant_permissions")
