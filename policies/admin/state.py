"""Engines, which an operator may switch off, and the record of the kill switch."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse

from admin_kit.display import full_hash
from admin_kit.options import AuditAdmin, page_action
from kernel.actors import actor_of
from kernel.errors import DomainError
from policies.admin.draft_forms import ReasonForm
from policies.models import Engine, Halt
from policies.services import set_engine_enabled


@admin.register(Engine)
class EngineAdmin(AuditAdmin):
    """The two engines as they last reported."""

    list_display = ("name", "enabled", "last_heartbeat_at", "engine_version", "rules_hash", "disabled_reason")
    fields = (
        "name",
        "enabled",
        "disabled_reason",
        "last_heartbeat_at",
        "engine_version",
        full_hash("rules_hash"),
    )
    actions_detail = ("switch",)
    empty_hint = "The two engines are made when the tables are."
    empty_commands = ("manage.py migrate",)

    def has_switch_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Switching an engine needs `policies.change_engine`; the plain form stays shut."""
        return request.user.has_perm("policies.change_engine")

    @page_action("Switch off or on", permission="switch", url_path="switch", icon="power_settings_new")
    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then switch the engine; off makes it unavailable from the next decision on."""
        engine = Engine.objects.filter(pk=object_id[:1]).first()
        if engine is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                set_engine_enabled(
                    actor_of(request),
                    engine.name,
                    enabled=not engine.enabled,
                    reason=form.cleaned_data["reason"],
                )
            except DomainError as error:
                form.add_error("reason", error.detail)
            else:
                messages.success(request, f"{engine} is switched {'off' if engine.enabled else 'on'}.")
                return HttpResponseRedirect(_engines_page())
        word = "off" if engine.enabled else "on"
        context = {
            **self.admin_site.each_context(request),
            "title": f"Switch {word} {engine}",
            "opts": self.opts,
            "form": form,
            "lead": "Off, it is unavailable from the next decision on; without engine A nobody trades for real."
            if engine.enabled
            else "On, it is available again with its next heartbeat.",
            "submit": f"Switch {word}",
            "back": _engines_page(),
        }
        return TemplateResponse(request, "admin_kit/form_page.html", context)


def _engines_page() -> str:
    """Return the page with everything about the engines; it belongs to an app above this one."""
    try:
        return reverse("admin:engines")
    except NoReverseMatch:
        return reverse("admin:policies_engine_changelist")


@admin.register(Halt)
class HaltAdmin(AuditAdmin):
    """Every pull of the kill switch."""

    list_display = ("engaged_at", "engaged_by", "reason", "released_at", "released_by", "release_reason")
    fields = list_display
    empty_hint = "Good: the kill switch has never been pulled. It is the red button at the top of every page."
    empty_commands = ("manage.py halt --reason '...'", "manage.py resume --reason '...'")
