"""Somebody new, with the least that is valid."""

from typing import Any

from accounts.models import User
from accounts.services import register_user


def register(username: str = "ann", **fields: Any) -> User:
    """A person called `username`, with `fields` besides."""
    fields.setdefault("email", f"{username}@example.com")
    fields.setdefault("password", "correct horse battery")
    return register_user(username=username, **fields)
