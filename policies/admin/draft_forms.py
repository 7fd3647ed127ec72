"""Forms of drafts: their settings, and why and when they come into force."""

from __future__ import annotations

from typing import Any

from django import forms

from admin_kit.form_fields import UTCTimeField, reason_field
from policies.admin.forms import PolicyForm
from policies.core.settings import SETTING_NAMES
from policies.models import PolicyDraft


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
