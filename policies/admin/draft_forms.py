"""Forms of drafts: their settings, and why and when they are activated."""

from __future__ import annotations

from typing import Any

from django import forms

from admin_kit.form_fields import UTCTimeField, reason_field
from policies.admin.forms import PolicyForm
from policies.core.settings import SETTING_NAMES
from policies.models import PolicyDraft


class EditDraftForm(PolicyForm):
    """The settings of a draft; `revision` is the one that was on the page."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)


class ActivateForm(forms.Form):
    """Why and when the draft is activated; `content_hash` is the content that was on the page."""

    reason = reason_field("Recorded with your name on the version and in the audit log.", focused=False)
    at = UTCTimeField(label="Activate at (UTC)", help_text="Leave blank to activate now.", picked=True)
    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)


class ReasonForm(forms.Form):
    """The reason for a step."""

    reason = reason_field("Recorded with your name in the audit log.")


class ApproveForm(forms.Form):
    """Nothing to fill in: what is approved is the content that was on the page."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)


def initial_from_draft(draft: PolicyDraft, *, base_version: int) -> dict[str, Any]:
    """The form filled with a draft, to be rebased onto `base_version` when it is saved."""
    settings = {name: getattr(draft, name) for name in SETTING_NAMES}
    return settings | {
        "note": draft.note,
        "evidence": draft.evidence,
        "base_version": base_version,
        "revision": draft.revision,
    }
