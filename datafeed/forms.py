"""The form of an account at a provider."""

from typing import Any

from django import forms

from datafeed.models import ProviderAccount
from datafeed.providers import find_provider
from datafeed.providers.base import Field
from datafeed.selectors.providers import account_values


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the checker alone
    """An account with a field for each thing its provider must be told; a secret is entered and never shown."""

    class Meta:
        model = ProviderAccount
        fields = ["kind", "name", "is_enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider = find_provider(self.instance.kind) if self.instance.pk else None
        self.known = account_values(self.instance) if self.instance.pk else {}
        for one in self.provider.fields if self.provider else ():
            self.fields[f"value_{one.name}"] = _form_field(one, self.known.get(one.name, ""))

    def values(self) -> dict[str, str]:
        """What was entered, by the provider's own names; a secret that was left empty stays as it is."""
        told = {name.removeprefix("value_"): text for name, text in self.cleaned_data.items() if name[:6] == "value_"}
        secret = {one.name for one in self.provider.fields if one.is_secret} if self.provider else set()
        return {name: text for name, text in told.items() if text or name not in secret}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for one in self.provider.fields if self.provider else ():
            kept = self.known.get(one.name, "") if one.is_secret else ""
            if fault := one.fault(self.cleaned_data.get(f"value_{one.name}", "") or kept):
                self.add_error(f"value_{one.name}", fault)
        return cleaned


def _form_field(one: Field, known: str) -> forms.CharField:
    hint = one.help or (f"{one.default} where it is empty" if one.default else "")
    if not one.is_secret:
        return forms.CharField(label=one.label, help_text=hint, required=False, initial=known, max_length=512)
    kept = "Kept; enter another one to replace it." if known else "Not entered yet."
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=one.label, help_text=f"{hint} {kept}".strip(), required=False, widget=widget)
