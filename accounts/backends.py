"""How Django's own forms sign people in, the admin site's among them: by email address or username."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import selectors, services
from accounts.errors import EmailNotConfirmed, InvalidCredentials, SecondFactorRequired, TooManyAttempts, WrongCode
from accounts.models import User
from kernel.net import client_address


class EmailOrUsernameBackend(ModelBackend):
    """Django's permissions from groups, with the API's way of proving a password, its limits included.

    Staff who must enrol a second factor and have not are nobody here, with a new password or an old cookie.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        code: str = "",
        **kwargs: Any,
    ) -> User | None:
        login = username or kwargs.get(User.EMAIL_FIELD)
        if not login or password is None:
            return None
        address = client_address(request) if request else None
        try:
            user = services.verify_credentials(login=login, password=password, code=code, address=address)
        except (EmailNotConfirmed, InvalidCredentials, SecondFactorRequired, WrongCode, TooManyAttempts):
            return None
        return None if selectors.must_enrol(user) else user

    def get_user(self, user_id: Any) -> Any:
        user = super().get_user(user_id)
        return None if user is None or selectors.must_enrol(user) else user
