"""Policy versions: shown, compared, and followed by a new one; never edited (R12.2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import DecimalField, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join, urlize
from django.utils.safestring import SafeString, mark_safe

from admin_kit.display import amount, badge, full_hash, label, link, percentage
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin, page_above, page_action, render_page
from kernel.actors import actor_of
from kernel.values import day_text
from policies.admin.conflict import conflict_with_active
from policies.admin.forms import CompareForm, PolicyForm, initial_from, version_of
from policies.checks import split_doubt
from policies.core.settings import GUARDRAILS, SETTING_NAMES, Change, diff, label_of, side_by_side
from policies.drafts import start_draft
from policies.models import PolicyDraft, PolicyRamp, PolicyVersion
from policies.selectors import active_policy

# The mode is a badge, the switch for real money stands apart.
APART = ("configured_mode", "live_enabled")


def _ramp_of(policy: PolicyVersion) -> PolicyRamp | None:
    """The ramp that activated it as a step: whatever else comes into force ends a ramp, so that its steps are a row."""
    ramp: int | None = policy.ramp_id
    return None if ramp is None else PolicyRamp.objects.get(pk=ramp)


def _draft_of(policy: PolicyVersion) -> PolicyDraft | None:
    """The draft it was activated from; the first version, and one that was created at once, have none."""
    return getattr(policy, "draft", None)


def _setting(name: str) -> Any:
    """A field as it is, numbers as people write them."""
    if name == "split_percentage":
        return percentage(name, title=label_of(name))
    is_decimal = isinstance(PolicyVersion._meta.get_field(name), DecimalField)  # noqa: SLF001 (Django's public API)
    return amount(name, title=label_of(name)) if is_decimal else name


def _guardrail(name: str) -> Any:
    """A field with the limit of a guardrail; without one it is off."""

    @admin.display(description=label_of(name))
    def limit(policy: PolicyVersion) -> object:
        return "off" if getattr(policy, name) is None else getattr(policy, name)

    # By its name it gets the help text of the field.
    limit.__name__ = name
    return limit


def _approved(people: Iterable[tuple[str, datetime]]) -> str:
    given = ", ".join(f"{who}, {day_text(at.date())}" for who, at in people)
    return f"Approved by {given}" if given else "Not approved"


def changes_table(changes: list[Change]) -> SafeString:
    """Changes as a small table."""
    rows = format_html_join(
        "", "<tr><th>{}</th><td>{}</td><td>→</td><td>{}</td></tr>", ((c.label, c.before, c.after) for c in changes)
    )
    return format_html('<table class="to-changes">{}</table>', rows) if changes else format_html("{}", "No changes.")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(AuditAdmin):
    """The list of versions, a page for each, the comparison of any two, and the form for the next one."""

    list_display = (
        "version_and_state",
        "activated_at",
        badge("configured_mode", {}),
        _setting("split_percentage"),
        "real_money",
        "created_by",
        "approval",
        "note",
    )
    # Whether a version is active is asked of its successor; without the join that is one query a row.
    list_select_related = ("successor", "draft")
    list_filter = ("configured_mode", "live_enabled", recent("activated_at"))
    search_fields = ("version__exact", "content_hash__exact")
    search_help_text = "Version (such as v7) or content hash"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "version_and_state",
                    "predecessor",
                    "changes",
                    "note",
                    "evidence",
                    "authors",
                    "approval",
                    "created_by",
                    "activated_at",
                    "decisions",
                    full_hash("content_hash"),
                )
            },
        ),
        ("Real money", {"fields": ("real_money",)}),
        (
            "Settings",
            {
                "fields": (
                    badge("configured_mode", {}),
                    *(_setting(name) for name in SETTING_NAMES if name not in APART and name not in GUARDRAILS),
                )
            },
        ),
        ("Guardrails", {"fields": tuple(map(_guardrail, GUARDRAILS))}),
    )
    actions_list = ("new_version", "ramps", "compare")
    actions_detail = ("restore", "compare_with_previous")
    empty_hint = "The first version is created from the environment by migrate."
    empty_commands = ("manage.py migrate",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the approvals of each version's draft, and the ramp that it is a step of, at once for a whole page."""
        steps = PolicyRamp.objects.filter(base_version__lt=OuterRef("pk"), current_version__gte=OuterRef("pk"))
        versions = super().get_queryset(request).prefetch_related("draft__approvals")
        return versions.annotate(ramp_id=Subquery(steps.values("pk")[:1]))

    def has_draft_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Creating a draft of the next version needs `policies.add_policydraft`; the plain add form stays shut."""
        return request.user.has_perm("policies.add_policydraft")

    @admin.display(description="version", ordering="version")
    def version_and_state(self, policy: PolicyVersion) -> SafeString:
        """The number, with a badge on the active version: the one without a successor."""
        # A reverse one-to-one relation without a row raises an AttributeError; it is never None.
        if hasattr(policy, "successor"):
            return format_html("v{}", policy.version)
        return format_html('v{} <span class="to-badge to-badge-success">active</span>', policy.version)

    @admin.display(description="real money", ordering="live_enabled")
    def real_money(self, policy: PolicyVersion) -> SafeString:
        """Whether real money may move in LIVE mode; that it may not is nothing to warn of."""
        return label("enabled", "danger") if policy.live_enabled else label("disabled")

    @admin.display(description="evidence")
    def evidence(self, policy: PolicyVersion) -> SafeString | None:
        """What its draft says that it rests on, and the draft itself; None where it had none."""
        draft = _draft_of(policy)
        if draft is None:
            return None
        said = mark_safe(urlize(draft.evidence, autoescape=True))  # noqa: S308 (escaped)
        return format_html("{} ({})", said or "none given", link("policies_policydraft", draft.pk, f"draft {draft.pk}"))

    @admin.display(description="authors")
    def authors(self, policy: PolicyVersion) -> str | None:
        """Everyone who has edited its draft, or who planned the ramp that it is a step of."""
        draft, ramp = _draft_of(policy), _ramp_of(policy)
        return ", ".join(draft.authors) if draft else f"{ramp.created_by}, as {ramp}" if ramp else None

    @admin.display(description="approval")
    def approval(self, policy: PolicyVersion) -> str:
        """Who has approved exactly these settings, or the ramp that they are a step of, and when."""
        draft, ramp = _draft_of(policy), _ramp_of(policy)
        if ramp is not None:
            return _approved([(ramp.approved_by, ramp.approved_at)] if ramp.approved_at else [])
        if draft is None:
            return _approved([])
        return _approved(
            (one.approved_by, one.approved_at)
            for one in draft.approvals.all()
            if one.content_hash == policy.content_hash and one.approver not in draft.writers
        )

    @admin.display(description="decisions")
    def decisions(self, policy: PolicyVersion) -> SafeString | None:
        """What it has decided: a part of the page from above, read once the page is there."""
        address = page_above(PolicyVersion, policy.pk)
        part = '<div hx-get="{}" hx-trigger="load"><span class="to-muted">Counting…</span></div>'
        return format_html(part, address) if address else None

    @admin.display(description="created from")
    def predecessor(self, policy: PolicyVersion) -> SafeString | None:
        """A link to the version it was created from; None for the first."""
        base = policy.base_version_id
        return None if base is None else link("policies_policyversion", base, f"v{base}")

    @admin.display(description="changes")
    def changes(self, policy: PolicyVersion) -> SafeString | None:
        """The settings that differ from the predecessor's; None for the first version."""
        if policy.base_version is None:
            return None
        return changes_table(diff(policy.base_version.content, policy.content))

    @page_action("New version", permission="draft", url_path="new", icon="add")
    def new_version(self, request: HttpRequest) -> HttpResponse:
        """The form, filled from the active version or from `?from=`; a valid POST creates a draft from it."""
        active = active_policy()
        if active is None:
            messages.error(request, "No policy version exists yet; run manage.py migrate.")
            return HttpResponseRedirect(reverse("admin:policies_policyversion_changelist"))
        form = PolicyForm(
            request.POST if request.method == "POST" else None,
            initial=initial_from(version_of(request.GET.get("from", "")) or active, base=active),
        )
        conflict = None
        if form.is_bound and form.is_valid():
            assert form.content is not None
            number = form.cleaned_data["base_version"]
            said = {name: form.cleaned_data[name] for name in ("note", "evidence")}
            # A draft with an old base could be stored, but would be refused at its activation, when nobody remembers
            # both changes.
            conflict = conflict_with_active(PolicyVersion.objects.get(version=number), form.content, what="this form")
            if conflict is None:
                draft = start_draft(actor_of(request), content=form.content, base_version=number, **said)
                messages.success(request, f"Draft {draft.pk} created. It is not active: preview it, then activate it.")
                if doubt := split_doubt(form.content.split_percentage):
                    messages.warning(request, f"Check the split percentage: {doubt}")
                return HttpResponseRedirect(reverse("admin:policies_policydraft_change", args=(draft.pk,)))
            # The next save starts from what is active now, which is on the page.
            form.data = {name: form[name].value() for name in form.fields} | {"base_version": active.version}
        back = reverse("admin:policies_policyversion_changelist")
        page = {"opts": self.opts, "form": form, "conflict": conflict, "active": active, "back": back}
        return render_page(request, "policies/edit_draft.html", "New policy version", **page)

    @page_action("Ramps", permission="view", url_path="ramps", icon="trending_up")
    def ramps(self, request: HttpRequest) -> HttpResponse:
        """Open the list of ramps, which schedule versions."""
        return HttpResponseRedirect(reverse("admin:policies_policyramp_changelist"))

    @page_action("Restore as new version", permission="draft", url_path="restore", icon="history")
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open the form with this version's settings; nothing is saved before a note is written."""
        return HttpResponseRedirect(f"{reverse('admin:policies_policyversion_new_version')}?from={object_id}")

    @page_action("Compare versions", permission="view", url_path="compare", icon="compare_arrows")
    def compare(self, request: HttpRequest) -> HttpResponse:
        """Two versions side by side, by `?left=&right=`; at first the form offers the active one and the one before."""
        active = active_policy()
        offered = {"left": active.base_version_id or active.version, "right": active.version} if active else {}
        form = CompareForm(request.GET or None, initial=offered)
        chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
        left, right = chosen.get("left"), chosen.get("right")
        rows = side_by_side(left.content, right.content) if left and right else []
        return render_page(
            request,
            "policies/compare.html",
            "Compare policy versions",
            opts=self.opts,
            form=form,
            left=left,
            right=right,
            sides=[left, right],
            rows=rows,
            differing=sum(row.before != row.after for row in rows),
            active=active,
        )

    @page_action("Compare with previous", permission="view", url_path="compare", icon="compare_arrows")
    def compare_with_previous(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open the comparison of the version with its predecessor."""
        version = version_of(object_id)
        if version is None:
            raise Http404
        query = f"left={version.base_version_id or version.version}&right={version.version}"
        return HttpResponseRedirect(f"{reverse('admin:policies_policyversion_compare')}?{query}")
