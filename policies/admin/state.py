"""Engines, which an operator may disable, and the history of the kill switch."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from admin_kit.display import full_hash, hash_of, json_of
from admin_kit.options import AuditAdmin, page_above, page_action, render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from policies.admin.draft_forms import ReasonForm
from policies.models import Engine, EngineName, Halt
from policies.services import set_engine_enabled

DISABLE = (
    "Disable",
    "A disabled engine is unavailable from the next decision on. Without engine A nothing trades for real.",
)
ENABLE = "Enable", "The engine is available again from its next heartbeat on."


@admin.register(Engine)
class EngineAdmin(AuditAdmin):
    """The two engines as they last reported."""

    list_display = ("name", "enabled", "last_heartbeat_at", "engine_version", hash_of("rules_hash"), "disabled_reason")
    fields = (
        "name",
        "enabled",
        "disabled_reason",
        "last_heartbeat_at",
        "engine_version",
        full_hash("rules_hash"),
        json_of("model"),
    )
    actions_detail = ("switch",)
    empty_hint = "Created by migrate."
    empty_commands = ("manage.py migrate",)

    def has_switch_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Disabling and enabling an engine need `policies.change_engine`; the plain form stays shut."""
        return request.user.has_perm("policies.change_engine")

    @page_action("Disable or enable", permission="switch", url_path="switch", icon="power_settings_new")
    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then disable an enabled engine or enable a disabled one."""
        # Only a known name reaches the database: a NUL would be an error there, and "AB" is no engine.
        engine = Engine.objects.filter(pk=object_id).first() if object_id in EngineName.values else None
        if engine is None:
            raise Http404
        # The site's page about engines is in an app above this one, which must not name it.
        back = page_above(Engine) or reverse("admin:policies_engine_changelist")
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            try:
                set_engine_enabled(actor_of(request), engine.name, enabled=not engine.enabled, **form.cleaned_data)
            except DomainError as error:
                form.add_error("reason", error.detail)
            else:
                messages.success(request, f"{engine} {'disabled' if engine.enabled else 'enabled'}.")
                return HttpResponseRedirect(back)
        word, lead = DISABLE if engine.enabled else ENABLE
        title = f"{word} engine {engine.name}"
        page = {"opts": self.opts, "form": form, "lead": lead, "submit": title, "back": back}
        return render_page(request, "admin_kit/form_page.html", title, **page)


@admin.register(Halt)
class HaltAdmin(AuditAdmin):
    """Every halt and who released it."""

    list_display = ("engaged_at", "engaged_by", "reason", "released_at", "released_by", "release_reason", "drill")
    fields = list_display
    csv_columns = (
        "id", "engaged_at", "engaged_by", "reason", "released_at", "released_by", "release_reason", "drill_seconds",
    )  # fmt: skip

    @admin.display(description="drill")
    def drill(self, halt: Halt) -> str | None:
        """How long the switch took, for a drill; None for a halt in earnest."""
        return None if halt.drill_seconds is None else f"in effect after {halt.drill_seconds} s"

    empty_hint = "Trading has never been halted. The kill switch is the red button at the top of every page."
    empty_commands = ("manage.py halt --reason '...'", "manage.py resume --reason '...'")
