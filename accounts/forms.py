"""The sign-in page of the control panel: name, password, and a code for those who have a second factor."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.factors.codes import LONGEST_CODE


class LoginForm(AuthenticationForm):
    """Which of the three was wrong is not told."""

    code = forms.CharField(
        required=False,
        max_length=LONGEST_CODE,
        help_text="Of your authenticator app, or a recovery code. Leave it empty if you have neither.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": (
            "Enter the %(username)s and password of a staff account, and the code if it has a second factor. "
            "After many failures everything is refused for a while."
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Email or username"

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("username") and data.get("password"):
            self.user_cache = authenticate(
                self.request, username=data["username"], password=data["password"], code=data.get("code", "")
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return dict(data)
