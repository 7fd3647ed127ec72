"""The kill switch: one page that halts all real trading, or resumes it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from admin_kit.form_fields import ConfirmedReasonForm, reason_field
from admin_kit.options import render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from orchestrator_site.roles import HALT_TRADING
from policies.models import Halt
from policies.selectors import open_halt
from policies.services import engage_halt, release_halt

STOP, GO = "HALT", "RESUME"


class HaltForm(ConfirmedReasonForm):
    """The reason stands on every page while trading is halted."""

    reason = reason_field("Recorded with your name and the time, and shown on every page while trading is halted.")


@permission_required(HALT_TRADING, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the switch; a confirmed POST engages or releases the halt."""
    halt = open_halt()
    typed = request.POST if request.method == "POST" else None
    form = ConfirmedReasonForm(GO, typed) if halt else HaltForm(STOP, typed)
    # The word was on the page that the operator saw: if the state has changed since, it no longer matches.
    if request.method == "POST" and form.is_valid():
        change = release_halt if halt else engage_halt
        try:
            change(actor_of(request), reason=form.cleaned_data["reason"])
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            done = "Trading resumed: the policy decides again." if halt else "Trading halted: no new real trades."
            messages.success(request, done)
            return redirect("admin:index")
    return render_page(
        request, "console/kill_switch.html", "Kill switch", form=form, halt=halt, recent=Halt.objects.all()[:10]
    )
