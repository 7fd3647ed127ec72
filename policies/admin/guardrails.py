"""Guardrails that have tripped, and the page that lets trading go on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from admin_kit.display import link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin, page_action
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import instant_text, row_id
from policies.admin.draft_forms import ReasonForm
from policies.models import GuardrailTrip
from policies.services import release_guardrail

LEAD = (
    "{trip} tripped at {at} under policy v{version}; since then nothing new trades for real. Released, the policy "
    "decides again, and what happened until now counts no more for this guardrail."
)


@admin.register(GuardrailTrip)
class GuardrailTripAdmin(AuditAdmin):
    """Every trip of a guardrail; one without a release still holds."""

    list_display = (
        "tripped_at",
        "name",
        "value",
        "limit",
        link_to("policy_version_id", "policies_policyversion", title="policy"),
        "released_at",
        "released_by",
        "release_reason",
    )
    fields = list_display
    list_filter = (recent("tripped_at"),)
    actions_detail = ("release",)
    empty_hint = "Good: no guardrail has tripped. They are off unless the policy version sets a limit."
    empty_commands = ("manage.py guardrail list",)

    def has_release_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Letting trading go on needs `policies.halt_trading`, as for the kill switch."""
        return request.user.has_perm("policies.halt_trading")

    @page_action("Release", permission="release", url_path="release", icon="lock_open")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then let the policy decide again."""
        trip = GuardrailTrip.objects.filter(pk=row_id(object_id)).first()
        if trip is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                release_guardrail(actor_of(request), trip.pk, reason=form.cleaned_data["reason"])
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, f"{trip.name} is released; the policy decides again.")
                return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Release a guardrail",
            "opts": self.opts,
            "form": form,
            "lead": LEAD.format(trip=trip, at=instant_text(trip.tripped_at), version=trip.policy_version_id),
            "submit": "Release",
        }
        return TemplateResponse(request, "admin_kit/form_page.html", context)
