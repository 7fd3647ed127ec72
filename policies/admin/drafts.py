"""Policy drafts: edited, previewed, approved, activated; each step is a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from admin_kit.display import badge, hash_of, percentage
from admin_kit.options import AuditAdmin, page_above, page_action, render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import instant_text, row_id
from policies.admin.conflict import Conflict, conflict_with_active, conflict_with_editor
from policies.admin.draft_forms import ActivateForm, ApproveForm, EditDraftForm, ReasonForm, initial_from_draft
from policies.core.settings import diff, label_of, side_by_side
from policies.drafts import activate_draft, approve_draft, discard_draft, edit_draft, is_approved, unschedule_draft
from policies.models import DraftState, PolicyDraft
from policies.selectors import policy_draft, policy_in_force

UNSETTLED = (DraftState.OPEN, DraftState.SCHEDULED)
COLOURS = {"OPEN": "neutral", "SCHEDULED": "info", "ACTIVATED": "success", "REFUSED": "danger", "DISCARDED": "neutral"}
SENTENCES = {
    "OPEN": "Not active: a draft takes effect when it is activated.",
    "SCHEDULED": "Scheduled: activates automatically.",
    "ACTIVATED": "Activated.",
    "REFUSED": "Not activated: the scheduled activation was refused.",
    "DISCARDED": "Discarded.",
}


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done with a draft."""

    text: str
    url: str
    style: str = ""


@admin.register(PolicyDraft)
class PolicyDraftAdmin(AuditAdmin):
    """What is being prepared and what became of it; nothing here is active."""

    list_display = (
        "__str__",
        badge("state", COLOURS),
        badge("configured_mode", {}),
        percentage("split_percentage", title=label_of("split_percentage")),
        "note",
        "created_by",
        "edited_at",
        "scheduled_at",
        hash_of("content_hash"),
    )
    list_filter = ("state", "configured_mode")
    list_select_related = ("base_version",)
    search_fields = ("id__exact", "content_hash__exact")
    search_help_text = "Draft number or content hash"
    actions_detail = ("edit", "approve", "activate", "unschedule", "discard")
    empty_hint = "A draft is a policy in preparation. Create one from the list of policy versions."
    empty_commands = ("manage.py policy draft --set configured_mode=SHADOW_ONLY --note '...'",)

    def has_draft_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Editing and discarding need `policies.change_policydraft`; the plain form stays shut."""
        return request.user.has_perm("policies.change_policydraft")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Approving needs `policies.approve_policydraft`."""
        return request.user.has_perm("policies.approve_policydraft")

    def has_activate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Activating, scheduling and unscheduling need `policies.activate_policydraft`."""
        return request.user.has_perm("policies.activate_policydraft")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The draft, what it changes and what can be done with it."""
        # Django's own form would save the row past the service: without its lock, revision and audit entry.
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        draft = _draft(object_id)
        is_open = draft.state == DraftState.OPEN
        preview = page_above(PolicyDraft, draft.pk) if draft.state in UNSETTLED else None
        activates = is_open and self.has_activate_permission(request)
        return self._page(
            request,
            "policies/draft.html",
            f"Policy draft {draft.pk}",
            draft=draft,
            sentence=SENTENCES[draft.state],
            colour=COLOURS[draft.state],
            approvals=draft.approvals.all(),
            needs_approval=settings.POLICY_REQUIRE_APPROVAL,
            is_approved=is_approved(draft),
            conflict=_conflict(draft),
            changes=diff(draft.base_version.content, draft.content),
            settings=[(row.label, row.after) for row in side_by_side(draft.content, draft.content)],
            buttons=list(self._buttons(request, draft)),
            preview=preview,
            approve=_url("approve", draft) if self._may_approve(request, draft) else None,
            activate=ActivateForm(initial={"content_hash": draft.content_hash}) if activates else None,
            activation=_url("activate", draft),
        )

    @page_action("Edit", permission="draft", url_path="edit", icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change the draft; when its base is no longer active, saving rebases it onto the version that is."""
        draft, active = _draft(object_id), policy_in_force()
        if draft.state != DraftState.OPEN:
            messages.warning(request, f"Draft {draft.pk} is {draft.state.lower()} and can no longer be edited.")
            return HttpResponseRedirect(_url("change", draft))
        form = EditDraftForm(_posted(request), initial=initial_from_draft(draft, base_version=active.version))
        conflict = _conflict(draft)
        if form.is_bound and form.is_valid():
            assert form.content is not None
            typed = {name: form.cleaned_data[name] for name in ("note", "evidence", "revision", "base_version")}
            try:
                edit_draft(actor_of(request), draft.pk, content=form.content, **typed)
            except DomainError as error:
                form.add_error(None, error.detail)
                if error.code == "draft_changed":
                    draft.refresh_from_db()
                    conflict = conflict_with_editor(draft, form.content)
                    # The next save is on top of theirs, now that both have been seen.
                    # request.POST is immutable, so the form gets data of its own.
                    form.data = {name: form[name].value() for name in form.fields} | {"revision": draft.revision}
            else:
                messages.success(request, f"Draft {draft.pk} saved. It is not active.")
                return HttpResponseRedirect(_url("change", draft))
        title = f"Edit policy draft {draft.pk}"
        page = {"form": form, "active": active, "conflict": conflict, "back": _url("change", draft)}
        return self._page(request, "policies/edit_draft.html", title, **page)

    @page_action("Approve", permission="approve", url_path="approve", icon="thumb_up")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve exactly the content on the page."""

        def act(draft: PolicyDraft, content_hash: str) -> str:
            approve_draft(actor_of(request), draft.pk, content_hash=content_hash)
            return f"Draft {draft.pk} approved."

        return self._step(request, object_id, "Approve", ApproveForm, act)

    @page_action("Activate", permission="activate", url_path="activate", icon="bolt")
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Activate the draft now, or schedule it."""

        def act(draft: PolicyDraft, **typed: Any) -> str:
            draft = activate_draft(actor_of(request), draft.pk, **typed)
            if typed["at"] is not None:
                return f"Draft {draft.pk} is scheduled for {instant_text(typed['at'])}."
            return f"Version {draft.activated_version_id} is active from the next decision on."

        return self._step(request, object_id, "Activate", ActivateForm, act, shows_conflict=True)

    @page_action("Unschedule", permission="activate", url_path="unschedule", icon="event_busy")
    def unschedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cancel the scheduled activation; the draft is open again."""

        def act(draft: PolicyDraft, reason: str) -> str:
            unschedule_draft(actor_of(request), draft.pk, reason=reason)
            return f"Draft {draft.pk} is unscheduled and open again."

        return self._step(request, object_id, "Unschedule", ReasonForm, act)

    @page_action("Discard", permission="draft", url_path="discard", icon="delete")
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Discard the draft; it stays readable."""

        def act(draft: PolicyDraft, reason: str) -> str:
            discard_draft(actor_of(request), draft.pk, reason=reason)
            return f"Draft {draft.pk} discarded."

        return self._step(request, object_id, "Discard", ReasonForm, act)

    def _step(
        self,
        request: HttpRequest,
        object_id: str,
        word: str,
        form_class: type[forms.Form],
        act: Callable[..., str],
        *,
        shows_conflict: bool = False,
    ) -> HttpResponse:
        """Show what the step changes and ask; a valid answer is acted on, and what happened is shown on the draft."""
        draft = _draft(object_id)
        form = form_class(_posted(request), initial={"content_hash": draft.content_hash})
        if form.is_bound and form.is_valid():
            try:
                messages.success(request, act(draft, **form.cleaned_data))
                return HttpResponseRedirect(_url("change", draft))
            except DomainError as error:
                form.add_error("at" if error.pointer == "/at" else None, error.detail)
                # What was edited in the meantime is on the page now and may be confirmed.
                draft.refresh_from_db()
                form.data = {name: form[name].value() for name in form.fields} | {"content_hash": draft.content_hash}
        return self._page(
            request,
            "policies/draft_step.html",
            f"{word} policy draft {draft.pk}",
            form=form,
            draft=draft,
            changes=diff(draft.base_version.content, draft.content),
            conflict=_conflict(draft) if shows_conflict else None,
            submit=word,
            back=_url("change", draft),
            edit=_url("edit", draft),
        )

    def _buttons(self, request: HttpRequest, draft: PolicyDraft) -> Iterator[Button]:
        """What this person may do with the draft as it is."""
        drafts = self.has_draft_permission(request)
        if draft.state == DraftState.OPEN and drafts:
            yield Button("Edit", _url("edit", draft))
        if draft.state == DraftState.SCHEDULED and self.has_activate_permission(request):
            yield Button("Unschedule", _url("unschedule", draft))
        if draft.state in UNSETTLED and drafts:
            yield Button("Discard", _url("discard", draft))

    def _may_approve(self, request: HttpRequest, draft: PolicyDraft) -> bool:
        """Authors are refused by the service; without this they would be offered a button that never works."""
        is_author = actor_of(request).person in draft.writers
        return draft.state == DraftState.OPEN and self.has_approve_permission(request) and not is_author

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        return render_page(request, template, title, opts=self.opts, **context)


def _draft(object_id: str) -> PolicyDraft:
    try:
        return policy_draft(row_id(object_id))
    except DomainError as error:
        raise Http404 from error


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _conflict(draft: PolicyDraft) -> Conflict | None:
    """What was activated since the base of an open draft, beside what the draft changes."""
    if draft.state != DraftState.OPEN:
        return None
    return conflict_with_active(draft.base_version, draft.content, what="this draft")


def _url(page: str, draft: PolicyDraft) -> str:
    return reverse(f"admin:policies_policydraft_{page}", args=(draft.pk,))
