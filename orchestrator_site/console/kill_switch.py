"""The kill switch: one page that stops all real trading, or lets it go on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from kernel.errors import DomainError
from orchestrator_site.roles import HALT_TRADING
from policies.audit import actor_of
from policies.models import Halt
from policies.selectors import open_halt
from policies.services import engage_halt, release_halt

STOP, GO = "HALT", "RESUME"


class KillSwitchForm(forms.Form):
    """A reason, and the word typed out so that nobody pulls the switch by a slip."""

    reason = forms.CharField(
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
        help_text="Kept with your name and the time, and shown on every page while the halt holds.",
    )
    confirmation = forms.CharField(
        max_length=10, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autocapitalize": "characters"})
    )

    def __init__(self, word: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.word = word
        self.fields["confirmation"].label = f"Type {word} to confirm"

    def clean_confirmation(self) -> str:
        """Return the typed word or say what to type."""
        typed: str = self.cleaned_data["confirmation"]
        if typed.strip() != self.word:
            raise forms.ValidationError(f"Type {self.word} in capital letters.")
        return typed


@permission_required(HALT_TRADING, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the switch; a confirmed POST engages or releases the halt."""
    halt = open_halt()
    word = GO if halt else STOP
    form = KillSwitchForm(word, request.POST if request.method == "POST" else None)
    # The word was on the page that the operator saw: if the state changed since, it no longer fits.
    if request.method == "POST" and form.is_valid() and _switch(request, form, word):
        return redirect("admin:index")
    context = {
        **admin.site.each_context(request),
        "title": "Kill switch",
        "form": form,
        "halt": halt,
        "word": word,
        "recent": Halt.objects.all()[:10],
    }
    return TemplateResponse(request, "console/kill_switch.html", context)


def _switch(request: HttpRequest, form: KillSwitchForm, word: str) -> bool:
    """Engage or release; tell whether it was done, else leave the reason on the form."""
    change = engage_halt if word == STOP else release_halt
    try:
        change(actor_of(request), reason=form.cleaned_data["reason"])
    except DomainError as error:
        form.add_error(None, error.detail)
        return False
    done = "Nothing new trades for real until the halt is released." if word == STOP else "The policy decides again."
    messages.success(request, done)
    return True
