"""As of: what was in force at any past instant, and the decision for a stored signal then."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from admin_kit.form_fields import UTCTimeField
from admin_kit.options import render_page
from experiments.history.as_of import DecisionThen, decision_as_of
from kernel.errors import DomainError
from kernel.values import uuid_from
from policies.as_of import PolicySnapshot, in_force_at


class AsOfForm(forms.Form):
    """A time, a signal, or both; the URL is the permalink."""

    at = UTCTimeField(label="Time (UTC)", help_text="Leave blank to use the time when the signal was decided.")
    signal = forms.CharField(
        required=False,
        max_length=64,
        label="Signal ID",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def clean_at(self) -> datetime | None:
        """Reject the future: nothing is known of it yet."""
        at: datetime | None = self.cleaned_data["at"]
        if at is not None and at > timezone.now():
            raise forms.ValidationError("This time is in the future.")
        return at

    def clean_signal(self) -> UUID | None:
        """The ID; None when left blank."""
        text: str = self.cleaned_data["signal"].strip()
        if not text:
            return None
        signal_id = uuid_from(text)
        if signal_id is None:
            raise forms.ValidationError("Enter a valid signal ID (a UUID).")
        return signal_id

    def clean(self) -> dict[str, Any]:
        """Require at least one of the two."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and cleaned["at"] is None and cleaned["signal"] is None:
            self.add_error("at", "Enter a time, a signal ID, or both.")
        return cleaned


@permission_required("policies.view_policyversion", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the form and, for a time or a signal, what was in force."""
    form = AsOfForm(request.GET or None)
    then: PolicySnapshot | None = None
    decision: DecisionThen | None = None
    if form.is_bound and form.is_valid():
        then, decision = _answer(form)
    stored = decision.stored if decision else None
    return render_page(
        request,
        "console/as_of.html",
        "As of",
        form=form,
        then=then,
        decision=decision,
        is_its_own=stored is not None and then is not None and stored.decided_at == then.at,
    )


def _answer(form: AsOfForm) -> tuple[PolicySnapshot | None, DecisionThen | None]:
    """State and decision; what cannot be answered stands beside its field."""
    at, signal_id = form.cleaned_data["at"], form.cleaned_data["signal"]
    try:
        if signal_id is None:
            return in_force_at(at), None
        decision = decision_as_of(signal_id, at)
    except DomainError as error:
        form.add_error("signal" if error.code == "not_found" else "at", error.detail)
        return None, None
    return decision.then, decision
