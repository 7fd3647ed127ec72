"""Guardrails that have tripped, and the page that releases them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from admin_kit.display import link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin, page_action, render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import instant_text, row_id
from policies.admin.draft_forms import ReasonForm
from policies.models import GuardrailTrip
from policies.services import release_guardrail


@admin.register(GuardrailTrip)
class GuardrailTripAdmin(AuditAdmin):
    """Every trip of a guardrail; one that was not released still stops trading."""

    list_display = (
        "tripped_at",
        "guardrail",
        "value",
        "limit",
        link_to("policy_version_id", "policies_policyversion", title="policy"),
        "released_at",
        "released_by",
        "release_reason",
    )
    fields = list_display
    csv_columns = (
        "id", "tripped_at", "name", "value", "limit", "policy_version_id", "released_at", "released_by",
        "release_reason",
    )  # fmt: skip
    list_filter = (recent("tripped_at"),)
    actions_detail = ("release",)
    empty_hint = "No guardrail has tripped. Guardrails are off unless the policy version sets a limit."
    empty_commands = ("manage.py guardrail list",)

    @admin.display(description="guardrail", ordering="name")
    def guardrail(self, trip: GuardrailTrip) -> str:
        """The setting whose limit was reached."""
        return trip.label

    def has_release_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Releasing a guardrail needs `policies.halt_trading`, as for the kill switch."""
        return request.user.has_perm("policies.halt_trading")

    def is_settled(self, row: GuardrailTrip) -> bool:
        """A trip is released once."""
        return row.released_at is not None

    @page_action("Release", permission="release", url_path="release", icon="lock_open")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then let the policy decide again."""
        trip = GuardrailTrip.objects.filter(pk=row_id(object_id)).first()
        if trip is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            try:
                release_guardrail(actor_of(request), trip.pk, **form.cleaned_data)
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, f"Guardrail {trip.label} released; the policy decides again.")
                return HttpResponseRedirect(reverse("admin:index"))
        lead = (
            f"{trip} tripped at {instant_text(trip.tripped_at)} under policy v{trip.policy_version_id}. Until it is "
            "released, nothing new trades for real. Once it is, the policy decides again, and what happened so far is "
            "ignored from now on."
        )
        page = {"opts": self.opts, "form": form, "lead": lead, "submit": "Release guardrail"}
        return render_page(request, "admin_kit/form_page.html", "Release guardrail", **page)
