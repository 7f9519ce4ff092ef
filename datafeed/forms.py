"""The forms of the control panel: accounts at providers, and files that are taken in."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from datafeed.files import LARGEST_FILE
from datafeed.instrument_tables import LARGEST_TABLE
from datafeed.models import ProviderAccount
from datafeed.providers import find_provider
from datafeed.providers.base import Field
from datafeed.resolutions import LADDER
from datafeed.selectors.providers import account_values
from kernel.errors import DomainError


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


class FileForm(forms.Form):
    """A file that is taken in by a job."""

    most = LARGEST_TABLE
    file = forms.FileField(widget=UnfoldAdminFileFieldWidget(), help_text="CSV; the first line names the columns")

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > self.most:
            raise forms.ValidationError(f"A file may have {self.most // 2**20} MiB.")
        return file

    def take_errors(self, error: DomainError) -> None:
        """Show a refusal at the fields that it names."""
        for name, messages in (error.errors or {"": [error.message]}).items():
            self.add_error(name if name in self.fields else None, messages)


class BarsForm(FileForm):
    """A table of bars and what they are."""

    most = LARGEST_FILE
    field_order = ["symbol", "resolution", "timezone", "file"]
    symbol = forms.CharField(max_length=40, widget=UnfoldAdminTextInputWidget(), help_text="of an active instrument")
    resolution = forms.ChoiceField(choices=[(name, name) for name in LADDER], widget=UnfoldAdminSelectWidget())
    timezone = forms.CharField(
        max_length=60,
        initial="Etc/UTC",
        widget=UnfoldAdminTextInputWidget(),
        help_text="of times in the file that have no offset of their own",
    )
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget(),
        help_text="CSV, plain or gzip, or Parquet; columns time, open, high, low, close and, if there is one, volume",
    )


def _form_field(one: Field, known: str) -> forms.CharField:
    hint = one.help or (f"{one.default} where it is empty" if one.default else "")
    if not one.is_secret:
        return forms.CharField(label=one.label, help_text=hint, required=False, initial=known, max_length=512)
    kept = "Kept; enter another one to replace it." if known else "Not entered yet."
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=one.label, help_text=f"{hint} {kept}".strip(), required=False, widget=widget)
