"""Policy versions: looked at, compared, and succeeded by a new one; never edited (R12.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit_admin.display import badge, full_hash, link
from audit_admin.filters import recent
from audit_admin.options import AuditAdmin, page_action
from policies.admin.diff import Change, diff
from policies.admin.forms import PolicyForm, initial_from
from policies.audit import actor_of
from policies.content import SETTING_NAMES
from policies.exceptions import PoliciesError
from policies.models import PolicyVersion
from policies.selectors import active_policy, settings_of
from policies.services import create_policy_version

MAX_VERSION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two edits of one version: somebody else's, which is in force, and the one on the form."""

    base: PolicyVersion
    active: PolicyVersion
    theirs: list[Change]
    yours: list[Change]

    @property
    def both(self) -> set[str]:
        """Settings that both changed, each in its way."""
        return {change.name for change in self.theirs} & {change.name for change in self.yours}


def changes_table(changes: list[Change]) -> SafeString:
    """Return changes as a small table."""
    rows = format_html_join(
        "", "<tr><th>{}</th><td>{}</td><td>→</td><td>{}</td></tr>", ((c.name, c.before, c.after) for c in changes)
    )
    return format_html('<table class="to-changes">{}</table>', rows) if changes else format_html("{}", "nothing")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(AuditAdmin):
    """The list of versions, a page for each, and the form for the next one."""

    list_display = (
        "version_and_state",
        "activated_at",
        badge("configured_mode", {"SHADOW_ONLY": "warning"}),
        "split_percentage",
        "live_enabled",
        "created_by",
        "note",
    )
    list_select_related = ("successor",)
    list_filter = ("configured_mode", "live_enabled", recent("activated_at"))
    search_fields = ("version__exact", "content_hash__exact")
    search_help_text = "Version (v7) or content hash"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "version_and_state",
                    "predecessor",
                    "changes",
                    "note",
                    "created_by",
                    "activated_at",
                    full_hash("content_hash"),
                )
            },
        ),
        (
            "Settings",
            {
                "fields": (
                    badge("configured_mode", {"SHADOW_ONLY": "warning"}),
                    *(name for name in SETTING_NAMES if name != "configured_mode"),
                )
            },
        ),
    )
    actions_list = ("new_version",)
    actions_detail = ("restore",)
    empty_hint = "The first version is made from the environment when the tables are."
    empty_commands = ("manage.py migrate",)

    def has_successor_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """A new version needs `policies.add_policyversion`; the plain add form stays shut."""
        return request.user.has_perm("policies.add_policyversion")

    @admin.display(description="version", ordering="version")
    def version_and_state(self, policy: PolicyVersion) -> SafeString:
        """Return the number, with a mark on the version in force: the one without a successor."""
        if hasattr(policy, "successor"):
            return format_html("v{}", policy.version)
        return format_html('v{} <span class="to-badge to-badge-success">in force</span>', policy.version)

    @admin.display(description="made from")
    def predecessor(self, policy: PolicyVersion) -> SafeString | None:
        """Return a link to the version it was edited from; None for the first."""
        base = policy.base_version_id
        return None if base is None else link("policies_policyversion", base, f"v{base}")

    @admin.display(description="changed")
    def changes(self, policy: PolicyVersion) -> SafeString | None:
        """Return the settings that differ from the predecessor's; None for the first version."""
        if policy.base_version is None:
            return None
        return changes_table(diff(settings_of(policy.base_version), settings_of(policy)))

    @page_action("New version", permission="successor", url_path="new", icon="add")
    def new_version(self, request: HttpRequest) -> HttpResponse:
        """Show the form, filled from the version in force or from `?from=`; a valid POST makes the version."""
        active = active_policy()
        if active is None:
            messages.error(request, "There is no version to start from; run manage.py migrate.")
            return HttpResponseRedirect(reverse("admin:policies_policyversion_changelist"))
        form = PolicyForm(
            request.POST if request.method == "POST" else None,
            initial=initial_from(self._source(request) or active, base=active),
        )
        conflict = None
        if request.method == "POST" and form.is_valid():
            try:
                return self._create(request, form)
            except PoliciesError as error:
                form.add_error("note" if error.pointer == "/note" else None, error.detail)
                if error.code == "policy_conflict":
                    conflict = self._conflict(form)
        context = {
            **self.admin_site.each_context(request),
            "title": "New policy version",
            "opts": self.opts,
            "form": form,
            "conflict": conflict,
            "active": active_policy(),
        }
        return TemplateResponse(request, "policies/new_version.html", context)

    @page_action("Restore as new version", permission="successor", url_path="restore", icon="history")
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open the form with this version's settings; nothing is saved until somebody says why."""
        return HttpResponseRedirect(f"{reverse('admin:policies_policyversion_new_version')}?from={object_id}")

    @staticmethod
    def _source(request: HttpRequest) -> PolicyVersion | None:
        text = request.GET.get("from", "")
        known = text.isascii() and text.isdigit() and len(text) <= MAX_VERSION_DIGITS
        return PolicyVersion.objects.filter(version=int(text)).first() if known else None

    def _create(self, request: HttpRequest, form: PolicyForm) -> HttpResponse:
        """Make the version and show it; raise PoliciesError when it cannot be made."""
        assert form.content is not None
        base = form.cleaned_data["base_version"]
        policy = create_policy_version(
            actor_of(request), form.content, base_version=base, note=form.cleaned_data["note"]
        )
        self.log_addition(request, policy, f"Made from version {base}: {policy.note}")
        messages.success(request, f"Version {policy.version} is in force from the next decision on.")
        return HttpResponseRedirect(reverse("admin:policies_policyversion_change", args=(policy.version,)))

    @staticmethod
    def _conflict(form: PolicyForm) -> Conflict | None:
        """Return both changes since the common base, and let the next save start from what is in force now."""
        base = PolicyVersion.objects.filter(version=form.cleaned_data["base_version"]).first()
        active = active_policy()
        if base is None or active is None or form.content is None:
            return None
        form.data = {name: form[name].value() for name in form.fields} | {"base_version": active.version}
        return Conflict(
            base=base,
            active=active,
            theirs=diff(settings_of(base), settings_of(active)),
            yours=diff(settings_of(base), form.content),
        )
