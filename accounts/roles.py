"""What each staff role may do in the admin site: one table, kept as Django groups of the roles' names."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission

from accounts.models import STAFF_ROLES, Role

EVERYTHING = ("add", "change", "delete", "view")
LOOK = ("view",)

# By app, or by `app.model`, which wins over its app. Administrators have everything and need no row.
# Formulas and inboxes are private to their owners: whoever runs the system need not read them.
GRANTS: dict[str, dict[str, tuple[str, ...]]] = {
    Role.OPERATOR: {
        "datafeed": EVERYTHING,
        "control": EVERYTHING,
        "kernel": LOOK,
        "kernel.job": ("change", "view"),
        "kernel.pendingevent": ("change", "delete", "view"),
        "kernel.rememberedanswer": (),
        "kernel.auditentry": (),
        "kernel.audithead": (),
        "formulas.deployment": ("change", "view"),
        "formulas.signal": LOOK,
        "notifications.delivery": ("change", "view"),
    },
    Role.REVIEWER: {
        "accounts.user": LOOK,
        "accounts.company": LOOK,
        "accounts.kycsubmission": ("change", "view"),
        "accounts.kycdocument": LOOK,
    },
}


def grant_permissions(app_config: AppConfig, using: str, **kwargs: Any) -> None:
    """After `app_config` is migrated, give each staff role its permissions on that app, and take others away."""
    permissions = Permission.objects.using(using).filter(content_type__app_label=app_config.label)
    known = list(permissions.select_related("content_type"))
    if not known:
        return
    for role in sorted(STAFF_ROLES):
        group, _ = Group.objects.using(using).get_or_create(name=role)
        granted = [permission for permission in known if _is_granted(role, permission)]
        group.permissions.remove(*(permission for permission in known if permission not in granted))
        group.permissions.add(*granted)


def _is_granted(role: str, permission: Permission) -> bool:
    if role == Role.ADMIN:
        return True
    app, model = permission.content_type.app_label, permission.content_type.model
    table = GRANTS[role]
    actions = table.get(f"{app}.{model}", table.get(app, ()))
    return permission.codename in {f"{action}_{model}" for action in actions}
