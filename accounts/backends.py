"""How Django's own forms sign people in, the admin site's among them: by email address or username."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import services
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.models import User


class EmailOrUsernameBackend(ModelBackend):
    """Django's permissions from groups, with the API's way of proving a password, its limits included."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        login = username or kwargs.get(User.EMAIL_FIELD)
        if not login or password is None:
            return None
        address = request.META.get("REMOTE_ADDR") if request else None
        try:
            return services.verify_credentials(login=login, password=password, address=address)
        except (InvalidCredentials, TooManyAttempts):
            return None
