"""The form of a policy's settings: typed text, validated by `policies.core.settings`."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from kernel.values import row_id
from policies.core.settings import (
    CONFIGURED_MODES,
    SETTING_NAMES,
    SETTINGS,
    Kind,
    PolicySettings,
    Setting,
    parse_settings,
)
from policies.models import PolicyVersion

REAL_MONEY = "Real money"
DANGEROUS = ("live_enabled",)
CAUTION = "In LIVE mode, this lets engines trade real money from the next decision on."
NUMERIC = {"inputmode": "decimal", "autocomplete": "off"}


def setting_field(setting: Setting) -> forms.Field:
    """The form field of one setting; all but mode and switches are text, so that nothing is rounded."""
    said: dict[str, Any] = {"label": setting.label, "help_text": setting.help_text}
    if setting.kind is Kind.MODE:
        modes = [(mode, mode) for mode in CONFIGURED_MODES]
        return forms.ChoiceField(choices=modes, widget=UnfoldAdminSelectWidget, **said)
    if setting.kind is Kind.SWITCH:
        # Browsers send nothing for a switch that is off; required, it could never be turned off.
        return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, **said)
    # Not required here: the setting itself says whether it may be blank.
    widget = UnfoldAdminTextInputWidget(attrs=None if setting.kind is Kind.CURRENCY else NUMERIC)
    return forms.CharField(required=False, max_length=30, widget=widget, **said)


class PolicyForm(forms.Form):
    """All settings, why they change, and the version they change from."""

    note = forms.CharField(
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Why the policy changes. Kept with the version.",
    )
    evidence = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Optional. What the change rests on: an evaluation, a kept report, a link.",
    )
    base_version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    content: PolicySettings | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Settings first: the page asks why only after it has asked what.
        self.fields = {setting.name: setting_field(setting) for setting in SETTINGS} | self.fields

    @property
    def groups(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """Title, a word of caution and the fields of each part; what lets real money move stands last and apart."""
        parts: dict[str, list[forms.BoundField]] = {"Settings": [], "Guardrails": [], "Why": [], REAL_MONEY: []}
        for bound in self.visible_fields():
            setting = next((one for one in SETTINGS if one.name == bound.name), None)
            part = "Why" if setting is None else "Guardrails" if setting.optional else "Settings"
            parts[REAL_MONEY if bound.name in DANGEROUS else part].append(bound)
        return [(title, CAUTION if title == REAL_MONEY else "", fields) for title, fields in parts.items()]

    def clean(self) -> dict[str, Any]:
        """Validate every setting as the start of the process does, each message beside its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        # A hidden field comes back as the browser likes; unchecked, the foreign key would make it a 500.
        if not PolicyVersion.objects.filter(version=cleaned.get("base_version", 0)).exists():
            self.add_error(None, "The version this form was created from does not exist. Reload the page.")
        # Fields that failed are missing from `cleaned`, and parse_settings wants every one of them.
        if any(name in self.errors for name in SETTING_NAMES):
            return cleaned
        self.content, errors = parse_settings({name: cleaned[name] for name in SETTING_NAMES})
        for error in errors:
            self.add_error(error.setting.name, f"Allowed: {error.allowed}.")
        return cleaned


def initial_from(version: PolicyVersion, *, base: PolicyVersion) -> dict[str, Any]:
    """The form filled with a version's settings, to be saved as the successor of `base`."""
    return version.content.columns() | {"base_version": base.version}


def version_of(text: str) -> PolicyVersion | None:
    """The version written as 7 or v7; None when there is no such version."""
    return PolicyVersion.objects.filter(version=row_id(text.strip().removeprefix("v"))).first()


class VersionField(forms.CharField):
    """A version, by its number."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs=NUMERIC)
        super().__init__(max_length=20, widget=widget, **kwargs)

    def clean(self, value: Any) -> PolicyVersion:
        """The version; a number that no version has is an error."""
        text = super().clean(value)
        version = version_of(text)
        if version is None:
            raise forms.ValidationError(f"Version {text} does not exist.")
        return version


class CompareForm(forms.Form):
    """Which two versions to compare."""

    left = VersionField()
    right = VersionField()
