"""Forms of drafts: their settings, and why and when they come into force."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from kernel.instants import parse_typed_instant
from policies.admin.forms import PolicyForm
from policies.core.content import SETTING_NAMES
from policies.models import PolicyDraft

TIME_HINT = "Write a time in UTC such as 2026-03-16T14:30 or 2026-03-16T14:30:00Z."


def reason_field(hint: str) -> forms.CharField:
    """Return a field for a reason that is kept."""
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True})
    return forms.CharField(max_length=2000, widget=widget, help_text=hint)


class UTCTimeField(forms.CharField):
    """A time typed as text; without an offset it is UTC, as everything on these pages."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "YYYY-MM-DDTHH:MM"})
        super().__init__(required=False, max_length=40, widget=widget, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        """Return the instant, None for an empty field; say how to write one."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_typed_instant(text)
        except ValueError as error:
            raise forms.ValidationError(TIME_HINT) from error


class EditDraftForm(PolicyForm):
    """The settings of a draft, and which revision of it was on the page."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)


class ActivateForm(forms.Form):
    """Why it comes into force and when; `content_hash` is what was looked at."""

    reason = reason_field("Kept with your name in the version and in the audit log.")
    at = UTCTimeField(label="Not now, but at (UTC)", help_text="Leave empty to put it in force now.")
    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)


class ReasonForm(forms.Form):
    """Why."""

    reason = reason_field("Kept with your name.")


class ApproveForm(forms.Form):
    """Nothing to type: what is approved is the content that was on the page."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)


def initial_from_draft(draft: PolicyDraft, *, base_version: int) -> dict[str, Any]:
    """Return the form filled with a draft, to be saved on top of `base_version`."""
    settings = {name: getattr(draft, name) for name in SETTING_NAMES}
    return settings | {"note": draft.note, "base_version": base_version, "revision": draft.revision}
