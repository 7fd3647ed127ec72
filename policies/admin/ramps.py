"""Ramps: planned in one form, approved as a whole, started, watched and stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from admin_kit.display import badge, full_hash, link
from admin_kit.form_fields import reason_field
from admin_kit.options import AuditAdmin, page_action, render_page
from kernel.actors import Actor, actor_of
from kernel.errors import DomainError
from kernel.values import row_id
from policies.admin.draft_forms import ReasonForm
from policies.core.ramps import planned
from policies.models import PolicyRamp, RampState
from policies.ramps import approve_ramp, plan_ramp, start_ramp, stop_ramp

COLOURS = {"OPEN": "neutral", "RUNNING": "info", "DONE": "success", "STOPPED": "neutral"}
LEAD = (
    "Raises engine B's share of real trades step by step (mode SPLIT_CAPITAL). Each step is a policy version; the next "
    "comes once the time has passed and the trades are closed. At the loss the ramp stops, and the settings before it "
    "are back in force. Somebody else's version in between ends it."
)


class PlanForm(forms.Form):
    """The steps, and what each must bring."""

    shares = forms.CharField(
        initial="5, 10, 25, 50",
        max_length=100,
        label="Engine B's share at each step, in percent",
        widget=UnfoldAdminTextInputWidget,
        help_text="Rising, from 0 to 100.",
    )
    hold_hours = forms.IntegerField(initial=24, label="Hours at each step, at least", widget=UnfoldAdminTextInputWidget)
    min_trades = forms.IntegerField(
        initial=20, label="Closed real trades of engine B at each step, at least", widget=UnfoldAdminTextInputWidget
    )
    max_loss = forms.DecimalField(
        max_digits=14,
        decimal_places=2,
        label="Net loss of engine B at one step that stops the ramp",
        widget=UnfoldAdminTextInputWidget,
        help_text="In the policy's currency.",
    )
    note = reason_field("Why the share is raised. Kept with every version of the ramp.", focused=False)


@admin.register(PolicyRamp)
class PolicyRampAdmin(AuditAdmin):
    """Every ramp, where it is and what it waits for."""

    list_display = ("__str__", badge("state", COLOURS), "steps", "outcome", "created_by", "approved_by", "created_at")
    fields = (
        badge("state", COLOURS), "steps", "outcome", "present_version", "base_version", "hold_hours", "min_trades",
        "max_loss", "note", "created_by", "created_at", "approved_by", "approved_at", "started_by", "ended_at",
        full_hash("content_hash"),
    )  # fmt: skip
    list_filter = ("state",)
    actions_list = ("plan",)
    actions_detail = ("approve", "start", "stop")
    empty_hint = "A ramp raises engine B's share of real trades step by step, each step on conditions. Plan one here."

    def has_draft_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Planning needs `policies.add_policydraft`, as a draft does."""
        return request.user.has_perm("policies.add_policydraft")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Approving needs `policies.approve_policydraft`, and a ramp that has not been started."""
        return request.user.has_perm("policies.approve_policydraft") and _is_one_of(request, object_id, RampState.OPEN)

    def has_start_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Starting needs `policies.activate_policydraft`, and a ramp that has not been started."""
        return request.user.has_perm("policies.activate_policydraft") and _is_one_of(request, object_id, RampState.OPEN)

    def has_stop_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Stopping needs `policies.activate_policydraft`, and a ramp that has not ended."""
        lasts = _is_one_of(request, object_id, RampState.OPEN, RampState.RUNNING)
        return request.user.has_perm("policies.activate_policydraft") and lasts

    @admin.display(description="steps")
    def steps(self, ramp: PolicyRamp) -> SafeString:
        """The shares of engine B, the present one marked."""
        shares = (("strong" if place == ramp.step else "span", share) for place, share in enumerate(ramp.shares))
        return format_html("{}%", format_html_join(" → ", "<{0}>{1}</{0}>", shares))

    @admin.display(description="present version")
    def present_version(self, ramp: PolicyRamp) -> SafeString | None:
        """The version of the step that it has reached; None before it was started."""
        version = ramp.current_version_id
        return None if version is None else link("policies_policyversion", version, f"v{version}")

    @page_action("Plan ramp", permission="draft", url_path="plan", icon="trending_up")
    def plan(self, request: HttpRequest) -> HttpResponse:
        """Plan a ramp from the version in force."""
        form = PlanForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            note = form.cleaned_data.pop("note")
            try:
                ramp = plan_ramp(actor_of(request), planned(**form.cleaned_data), note=note)
            except DomainError as error:
                name = error.pointer.removeprefix("/")
                form.add_error(name if name in form.fields else None, error.detail)
            else:
                messages.success(request, f"Ramp {ramp.pk} planned. Nothing changes before it is started.")
                return HttpResponseRedirect(_page_of(ramp))
        page = {"opts": self.opts, "form": form, "lead": LEAD, "submit": "Plan ramp"}
        return render_page(request, "admin_kit/form_page.html", "Plan a ramp", **page)

    @page_action("Approve", permission="approve", url_path="approve", icon="thumb_up")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve all its steps."""
        return self._ask(request, object_id, "Approve", forms.Form, approve_ramp)

    @page_action("Start", permission="start", url_path="start", icon="play_arrow")
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Activate its first step."""
        return self._ask(request, object_id, "Start", forms.Form, start_ramp)

    @page_action("Stop", permission="stop", url_path="stop", icon="stop")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop it and go back to the settings before it."""
        return self._ask(request, object_id, "Stop", ReasonForm, stop_ramp)

    def _ask(
        self,
        request: HttpRequest,
        object_id: str,
        word: str,
        form_class: type[forms.Form],
        act: Callable[..., PolicyRamp],
    ) -> HttpResponse:
        ramp = PolicyRamp.objects.filter(pk=row_id(object_id)).first()
        if ramp is None:
            raise Http404
        form = form_class(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            actor: Actor = actor_of(request)
            try:
                ramp = act(actor, ramp.pk, **form.cleaned_data)
            except DomainError as error:
                messages.error(request, error.detail)
            else:
                messages.success(request, f"Ramp {ramp.pk}: {RampState(ramp.state).label.lower()}.")
            return HttpResponseRedirect(_page_of(ramp))
        steps = ", ".join(ramp.shares)
        lead = (
            f"Engine B gets {steps}% of the signals, each step for at least {ramp.hold_hours} hours and "
            f"{ramp.min_trades} closed real trades; a net loss of {ramp.max_loss} at one step stops it. {ramp.note}"
        )
        page = {"opts": self.opts, "form": form, "lead": lead, "submit": f"{word} ramp", "back": _page_of(ramp)}
        return render_page(request, "admin_kit/form_page.html", f"{word} ramp {ramp.pk}", **page)


def _is_one_of(request: HttpRequest, object_id: Any, *states: RampState) -> bool:
    """Whether a button is of use in this state; whoever has pressed it meanwhile is told by the service."""
    if object_id is None or request.method == "POST":
        return True
    state = PolicyRamp.objects.filter(pk=row_id(str(object_id))).values_list("state", flat=True).first()
    return state is None or state in states


def _page_of(ramp: PolicyRamp) -> str:
    return reverse("admin:policies_policyramp_change", args=(ramp.pk,))
