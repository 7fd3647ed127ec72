"""The form for a new policy version: typed text, judged by the rules of `policies.core.content`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import models
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from kernel.identifiers import row_id
from policies.core.content import CONFIGURED_MODES, SETTING_NAMES, PolicySettings, parse_settings
from policies.models import PolicyVersion

MODES = [(mode, mode) for mode in CONFIGURED_MODES]
NUMERIC = {"inputmode": "decimal", "autocomplete": "off"}


def help_of(name: str) -> str:
    """Return the help text of the model's field: the form and the tables say the same."""
    field = PolicyVersion._meta.get_field(name)  # noqa: SLF001 (Django's public model API)
    assert isinstance(field, models.Field)
    return str(field.help_text)


def setting_field(name: str) -> forms.Field:
    """Return the form field of one setting; all but mode and switches are text, so that nothing is rounded."""
    if name == "configured_mode":
        return forms.ChoiceField(choices=MODES, widget=UnfoldAdminSelectWidget, help_text=help_of(name))
    if name == "live_enabled":
        return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, help_text=help_of(name))
    # Whether it may be empty is for `policies.core.content` to say.
    widget = UnfoldAdminTextInputWidget(attrs=NUMERIC)
    label = name.replace("_", " ").capitalize().replace(" ttl ", " TTL ")
    return forms.CharField(required=False, max_length=30, widget=widget, label=label, help_text=help_of(name))


class PolicyForm(forms.Form):
    """All settings, the reason for the change, and the version it starts from."""

    note = forms.CharField(
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Why this version is made; kept with it for ever.",
    )
    base_version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    content: PolicySettings | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {name: setting_field(name) for name in SETTING_NAMES} | self.fields

    def clean(self) -> dict[str, Any]:
        """Judge every setting as the start of the process does, each message beside its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not PolicyVersion.objects.filter(version=cleaned.get("base_version", 0)).exists():
            self.add_error(None, "The version this form started from does not exist; open the form again.")
        if any(name in self.errors for name in SETTING_NAMES):
            return cleaned
        self.content, errors = parse_settings({name: cleaned[name] for name in SETTING_NAMES})
        for error in errors:
            self.add_error(error.name, f"Allowed: {error.allowed}.")
        return cleaned


def initial_from(version: PolicyVersion, *, base: PolicyVersion) -> dict[str, Any]:
    """Return the form filled with a version's settings, to be saved as the successor of `base`."""
    return {name: getattr(version, name) for name in SETTING_NAMES} | {"base_version": base.version}


def version_of(text: str) -> PolicyVersion | None:
    """Return the version written as 7 or v7; None when there is none of that number."""
    return PolicyVersion.objects.filter(version=row_id(text.strip().removeprefix("v"))).first()


class VersionField(forms.CharField):
    """The number of a version, typed."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs=NUMERIC)
        super().__init__(max_length=20, widget=widget, **kwargs)

    def clean(self, value: Any) -> PolicyVersion:
        """Return the version or say that there is none."""
        text = super().clean(value)
        version = version_of(text)
        if version is None:
            raise forms.ValidationError(f"There is no version {text}.")
        return version


class CompareForm(forms.Form):
    """Two versions."""

    left = VersionField()
    right = VersionField()
