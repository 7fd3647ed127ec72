"""Policy drafts: prepared, looked at, approved, put in force; each step is a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse

from admin_kit.display import badge, hash_of
from admin_kit.options import AuditAdmin, page_action
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import instant_text, row_id
from policies.admin.conflict import Conflict, conflict_with_active, conflict_with_editor
from policies.admin.draft_forms import ActivateForm, ApproveForm, EditDraftForm, ReasonForm, initial_from_draft
from policies.core.settings import Change, diff, side_by_side
from policies.drafts import activate_draft, approve_draft, discard_draft, edit_draft, is_approved, unschedule_draft
from policies.models import DraftState, PolicyDraft
from policies.selectors import active_policy

COLOURS = {"OPEN": "info", "SCHEDULED": "warning", "ACTIVATED": "success", "REFUSED": "danger", "DISCARDED": "neutral"}
UNSETTLED = (DraftState.OPEN, DraftState.SCHEDULED)
SENTENCES = {
    "OPEN": "Not in force: it waits for somebody to activate it",
    "SCHEDULED": "Not in force yet: it comes into force by itself at its time",
    "ACTIVATED": "It has come into force",
    "REFUSED": "It was due, and was refused",
    "DISCARDED": "It was given up",
}


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done with a draft."""

    text: str
    address: str
    style: str = ""


@admin.register(PolicyDraft)
class PolicyDraftAdmin(AuditAdmin):
    """What is being prepared and what became of it; nothing here is in force."""

    list_display = (
        "__str__",
        badge("state", COLOURS),
        badge("configured_mode", {"SHADOW_ONLY": "warning"}),
        "split_percentage",
        "note",
        "created_by",
        "edited_at",
        "scheduled_at",
        hash_of("content_hash"),
    )
    list_filter = ("state", "configured_mode")
    list_select_related = ("base_version",)
    search_fields = ("id__exact", "content_hash__exact")
    search_help_text = "Number of the draft or content hash"
    actions_detail = ("edit", "approve", "activate", "unschedule", "discard")
    empty_hint = "A draft is a policy in preparation. Start one on the page of the policy versions."
    empty_commands = ("manage.py policy draft --set configured_mode=SHADOW_ONLY --note '...'",)

    def has_draft_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Writing on drafts needs `policies.change_policydraft`; the plain form stays shut."""
        return request.user.has_perm("policies.change_policydraft")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Approving needs `policies.approve_policydraft`."""
        return request.user.has_perm("policies.approve_policydraft")

    def has_activate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Putting in force, scheduling and calling off need `policies.activate_policydraft`."""
        return request.user.has_perm("policies.activate_policydraft")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the draft, what it changes and what can be done with it."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        draft = _draft(object_id)
        context = self._context(request, f"Policy draft {draft.pk}") | {
            "draft": draft,
            "sentence": SENTENCES[draft.state],
            "colour": COLOURS[draft.state],
            "approvals": draft.approvals.all(),
            "needs_approval": settings.POLICY_REQUIRE_APPROVAL,
            "is_approved": is_approved(draft),
            "conflict": _conflict(draft),
            "changes": _changes(draft),
            "settings": [(row.name, row.after) for row in side_by_side(draft.content, draft.content)],
            "buttons": list(self._buttons(request, draft)),
        }
        return TemplateResponse(request, "policies/draft.html", context)

    @page_action("Edit", permission="draft", url_path="edit", icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change the draft; when its base is no longer in force, saving puts it on top of what is."""
        draft, active = _draft(object_id), active_policy()
        assert active is not None
        if draft.state != DraftState.OPEN:
            return self._settled(request, draft)
        form = EditDraftForm(
            request.POST if request.method == "POST" else None,
            initial=initial_from_draft(draft, base_version=active.version),
        )
        conflict = _conflict(draft)
        if request.method == "POST" and form.is_valid():
            assert form.content is not None
            try:
                edit_draft(
                    actor_of(request),
                    draft.pk,
                    content=form.content,
                    note=form.cleaned_data["note"],
                    revision=form.cleaned_data["revision"],
                    base_version=form.cleaned_data["base_version"],
                )
            except DomainError as error:
                form.add_error(None, error.detail)
                if error.code == "draft_changed":
                    draft.refresh_from_db()
                    conflict = conflict_with_editor(draft, form.content)
                    # The next save is on top of theirs, now that both have been seen.
                    form.data = {name: form[name].value() for name in form.fields} | {"revision": draft.revision}
            else:
                messages.success(request, f"Draft {draft.pk} is saved. It is not in force.")
                return HttpResponseRedirect(_page_of(draft))
        context = self._context(request, f"Edit policy draft {draft.pk}", form) | {
            "active": active,
            "conflict": conflict,
            "back": _page_of(draft),
        }
        return TemplateResponse(request, "policies/edit_draft.html", context)

    @page_action("Approve", permission="approve", url_path="approve", icon="thumb_up")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve exactly the content on the page."""
        draft = _draft(object_id)
        form = ApproveForm(_posted(request), initial={"content_hash": draft.content_hash})
        if request.method == "POST" and form.is_valid():
            try:
                approve_draft(actor_of(request), draft.pk, content_hash=form.cleaned_data["content_hash"])
            except DomainError as error:
                _look_again(form, error, draft)
            else:
                return self._done(request, draft, f"Draft {draft.pk} is approved.")
        return self._step(request, draft, "Approve", form)

    @page_action("Activate", permission="activate", url_path="activate", icon="bolt")
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put the draft in force now, or schedule it."""
        draft = _draft(object_id)
        form = ActivateForm(_posted(request), initial={"content_hash": draft.content_hash})
        if request.method == "POST" and form.is_valid():
            typed = form.cleaned_data
            try:
                draft = activate_draft(
                    actor_of(request),
                    draft.pk,
                    reason=typed["reason"],
                    content_hash=typed["content_hash"],
                    at=typed["at"],
                )
            except DomainError as error:
                _look_again(form, error, draft)
            else:
                return self._done(request, draft, _what_happened(draft))
        return self._step(request, draft, "Activate", form, conflict=_conflict(draft))

    @page_action("Unschedule", permission="activate", url_path="unschedule", icon="event_busy")
    def unschedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a scheduled draft off the schedule."""
        draft = _draft(object_id)
        form = ReasonForm(_posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                unschedule_draft(actor_of(request), draft.pk, reason=form.cleaned_data["reason"])
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                return self._done(request, draft, f"Draft {draft.pk} is off the schedule and open again.")
        return self._step(request, draft, "Unschedule", form)

    @page_action("Discard", permission="draft", url_path="discard", icon="delete")
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give the draft up; it stays readable."""
        draft = _draft(object_id)
        form = ReasonForm(_posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                discard_draft(actor_of(request), draft.pk, reason=form.cleaned_data["reason"])
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                return self._done(request, draft, f"Draft {draft.pk} is discarded.")
        return self._step(request, draft, "Discard", form)

    def _buttons(self, request: HttpRequest, draft: PolicyDraft) -> Iterator[Button]:
        is_open, drafts = draft.state == DraftState.OPEN, self.has_draft_permission(request)
        if draft.state in UNSETTLED and (preview := _preview_address(draft)):
            yield Button("Preview", preview, "to-button-primary")
        if is_open and drafts:
            yield Button("Edit", _address("edit", draft))
        if is_open and self.has_approve_permission(request) and request.user.get_username() not in draft.authors:
            yield Button("Approve", _address("approve", draft))
        if is_open and self.has_activate_permission(request):
            yield Button("Activate", _address("activate", draft))
        if draft.state == DraftState.SCHEDULED and self.has_activate_permission(request):
            yield Button("Unschedule", _address("unschedule", draft))
        if draft.state in UNSETTLED and drafts:
            yield Button("Discard", _address("discard", draft))

    def _step(
        self, request: HttpRequest, draft: PolicyDraft, word: str, form: forms.Form, *, conflict: Conflict | None = None
    ) -> HttpResponse:
        """Show what would be done with which changes, and ask."""
        context = self._context(request, f"{word} policy draft {draft.pk}", form) | {
            "draft": draft,
            "changes": diff(draft.base_version.content, draft.content),
            "conflict": conflict,
            "submit": word,
            "back": _page_of(draft),
            "edit": _address("edit", draft),
        }
        return TemplateResponse(request, "policies/activate_draft.html", context)

    @staticmethod
    def _done(request: HttpRequest, draft: PolicyDraft, text: str) -> HttpResponse:
        messages.success(request, text)
        return HttpResponseRedirect(_page_of(draft))

    @staticmethod
    def _settled(request: HttpRequest, draft: PolicyDraft) -> HttpResponse:
        messages.warning(request, f"Draft {draft.pk} is {draft.state} and can no longer be edited.")
        return HttpResponseRedirect(_page_of(draft))

    def _context(self, request: HttpRequest, title: str, form: forms.Form | None = None) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "form": form}


def _draft(object_id: str) -> PolicyDraft:
    draft = PolicyDraft.objects.select_related("base_version").filter(pk=row_id(object_id)).first()
    if draft is None:
        raise Http404
    return draft


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _look_again(form: forms.Form, error: DomainError, draft: PolicyDraft) -> None:
    """Put the message beside its field; what was edited meanwhile is on the page now and may be confirmed."""
    form.add_error("at" if error.pointer == "/at" else None, error.detail)
    draft.refresh_from_db()
    form.data = {name: form[name].value() for name in form.fields} | {"content_hash": draft.content_hash}


def _conflict(draft: PolicyDraft) -> Conflict | None:
    if draft.state != DraftState.OPEN:
        return None
    return conflict_with_active(draft.base_version, draft.content, what="this draft")


def _changes(draft: PolicyDraft) -> list[Change]:
    return diff(draft.base_version.content, draft.content)


def _what_happened(draft: PolicyDraft) -> str:
    if draft.scheduled_at is not None and draft.state == DraftState.SCHEDULED:
        return f"Draft {draft.pk} comes into force at {instant_text(draft.scheduled_at)}."
    return f"Version {draft.activated_version_id} is in force from the next decision on."


def _address(action: str, draft: PolicyDraft) -> str:
    return reverse(f"admin:policies_policydraft_{action}", args=(draft.pk,))


def _page_of(draft: PolicyDraft) -> str:
    return reverse("admin:policies_policydraft_change", args=(draft.pk,))


def _preview_address(draft: PolicyDraft) -> str:
    """Return the page that decides stored signals again; it belongs to an app above this one."""
    try:
        return reverse("admin:draft_preview", args=(draft.pk,))
    except NoReverseMatch:
        return ""
