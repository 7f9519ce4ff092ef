"""How people want to be told."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction

from accounts.models import User
from kernel.realtime import refresh_sockets
from notifications.models import Preferences
from notifications.rules import Rules, check_rules


@transaction.atomic
def save_preferences(*, user: User, rules: Mapping[str, Any]) -> Rules:
    """Take the place of what was set before; what is not named is as for everybody. Raises `Invalid`."""
    kept = check_rules(rules)
    Preferences.objects.update_or_create(user=user, defaults={"rules": kept})
    transaction.on_commit(partial(refresh_sockets, f"user:{user.pk}"), robust=True)
    return Rules(kept)
