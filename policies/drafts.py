"""Writes: drafts, their approval, activation now or later.

A draft is locked (`SELECT ... FOR UPDATE`) before it changes: without that, an edit between the look
at the approvals and the activation could put content in force that nobody approved.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from kernel.actors import SYSTEM, Actor
from kernel.audit import record
from kernel.errors import DomainError
from kernel.events import POLICY_ACTIVATED_LATE, POLICY_ACTIVATION_REFUSED
from kernel.values import instant_text
from policies.core.settings import PolicySettings, diff
from policies.models import DraftState, PolicyApproval, PolicyDraft
from policies.selectors import policy_in_force, policy_version
from policies.services import changes_from_base, insert_version, required_reason

CHANGEABLE = (DraftState.OPEN,)
# A scheduled activation that comes later than this says so.
# Activation is scheduled every minute, and django-q looks for due schedules about every 30 seconds: up to 90 is its
# pace.
LATE_SECONDS = 90


def start_draft(
    actor: Actor,
    *,
    content: PolicySettings | None = None,
    note: str = "",
    evidence: str = "",
    base_version: int | None = None,
) -> PolicyDraft:
    """Create a draft from the version in force or `base_version`; `content` restores the settings of an older one."""
    base = policy_in_force() if base_version is None else policy_version(base_version)
    chosen = content or base.content
    now = timezone.now()
    with transaction.atomic():
        draft = PolicyDraft.objects.create(
            **chosen.columns(),
            base_version=base,
            note=note,
            evidence=evidence,
            content_hash=chosen.content_hash(),
            created_by=actor.name,
            created_at=now,
            authors=[actor.name],
            writers=[actor.person],
            edited_by=actor.name,
            edited_at=now,
        )
        record(actor, "draft.started", f"draft {draft.pk} of version {base.version}")
    return draft


def edit_draft(
    actor: Actor,
    draft_id: int,
    *,
    content: PolicySettings,
    note: str,
    revision: int,
    evidence: str = "",
    base_version: int | None = None,
) -> PolicyDraft:
    """Change a draft; approvals of its former content are void from then on.

    `base_version` rebases it onto a version that was activated in the meantime. Raises
    `draft_changed` when somebody else has edited it since `revision`; nothing is lost.
    """
    with transaction.atomic():
        draft = _locked(draft_id)
        if draft.revision != revision:
            raise DomainError(
                "draft_changed", f"{draft.edited_by} edited this draft in the meantime; compare, then save again."
            )
        changes = {one.name: (one.before, one.after) for one in diff(draft.content, content)}
        for name, value in content.columns().items():
            setattr(draft, name, value)
        if base_version is not None:
            draft.base_version = policy_version(base_version)
        draft.note, draft.evidence, draft.content_hash = note.strip(), evidence.strip(), content.content_hash()
        draft.edited_by, draft.edited_at, draft.revision = actor.name, timezone.now(), revision + 1
        # Never removed again: whoever has contributed to a draft does not become its second pair of eyes by a later
        # edit.
        draft.authors = sorted({*draft.authors, actor.name})
        draft.writers = sorted({*draft.writers, actor.person})
        draft.save()
        record(actor, "draft.edited", f"draft {draft.pk}", reason=draft.note, changes=changes)
    return draft


def discard_draft(actor: Actor, draft_id: int, *, reason: str) -> PolicyDraft:
    """Discard a draft, open or scheduled; it stays readable."""
    reason = required_reason(reason, "Say why the draft is discarded.")
    with transaction.atomic():
        draft = _locked(draft_id, states=(DraftState.OPEN, DraftState.SCHEDULED))
        draft.state, draft.settled_at, draft.refusal = DraftState.DISCARDED, timezone.now(), reason
        draft.save(update_fields=("state", "settled_at", "refusal"))
        record(actor, "draft.discarded", f"draft {draft.pk}", reason=reason)
    return draft


def unschedule_draft(actor: Actor, draft_id: int, *, reason: str) -> PolicyDraft:
    """Cancel the scheduled activation of a draft; it is open again."""
    reason = required_reason(reason, "Say why the activation is cancelled.")
    with transaction.atomic():
        draft = _locked(draft_id, states=(DraftState.SCHEDULED,))
        draft.state, draft.scheduled_at = DraftState.OPEN, None
        draft.save(update_fields=("state", "scheduled_at"))
        record(actor, "draft.unscheduled", f"draft {draft.pk}", reason=reason)
    return draft


def approve_draft(actor: Actor, draft_id: int, *, content_hash: str) -> PolicyApproval:
    """Approve exactly this content; authors cannot approve their own draft."""
    with transaction.atomic():
        draft = _locked(draft_id)
        if draft.content_hash != content_hash:
            raise DomainError("draft_changed", "The draft was edited after you opened it; review it again.")
        if actor.person in draft.writers:
            raise DomainError("own_draft", "You cannot approve your own draft.")
        # A second click is the same approval, not a violation of its unique key.
        approval, _ = PolicyApproval.objects.get_or_create(
            draft=draft,
            content_hash=content_hash,
            approver=actor.person,
            defaults={"approved_by": actor.name, "approved_at": timezone.now()},
        )
        record(actor, "draft.approved", f"draft {draft.pk}", reason=content_hash)
    return approval


def is_approved(draft: PolicyDraft) -> bool:
    """Whether another person has approved the draft's present content."""
    return approvals_of(draft).exists()


def approvals_of(draft: PolicyDraft) -> QuerySet[PolicyApproval]:
    """Who else has approved the draft's present content."""
    # Somebody who approved and edited afterwards is an author by now; editing there and back keeps the hash.
    return draft.approvals.filter(content_hash=draft.content_hash).exclude(approver__in=draft.writers)


def activate_draft(
    actor: Actor, draft_id: int, *, reason: str, content_hash: str, at: datetime | None = None
) -> PolicyDraft:
    """Activate a draft, now or at a later time.

    Raises `approval_missing` when POLICY_REQUIRE_APPROVAL is set and nobody else has approved exactly
    this content, `draft_changed` when it was edited since the caller saw it, and `policy_conflict`
    when another version was activated since its base.
    """
    reason = required_reason(reason, "Say why the draft is activated.")
    if at is not None and at <= timezone.now():
        raise DomainError("time_passed", "Choose a time in the future, or activate now.", "/at")
    with transaction.atomic():
        draft = _locked(draft_id)
        if draft.content_hash != content_hash:
            raise DomainError("draft_changed", "The draft was edited after you opened it; review it again.")
        draft.activation_reason, draft.activated_by = reason, actor.name
        _demand_approval(draft)
        if at is not None:
            draft.state, draft.scheduled_at = DraftState.SCHEDULED, at
            draft.save(update_fields=("state", "scheduled_at", "activation_reason", "activated_by"))
            record(actor, "draft.scheduled", f"draft {draft.pk} for {instant_text(at)}", reason=reason)
        else:
            _put_in_force(actor, draft)
    return draft


def activate_due_drafts() -> list[PolicyDraft]:
    """Activate every scheduled draft that is due, or refuse it when its base is no longer in force.

    Called every minute and at the start of a worker; one that was due while the system was down is
    applied once and logged as late. Safe to call from many processes: claimed rows are skipped.
    """
    # A transaction for each: the exclusive lock of the timeline is held to the commit, and one for all drafts would
    # keep every decision waiting for the last of them.
    return list(iter(_settle_next_due, None))


def _settle_next_due() -> PolicyDraft | None:
    with transaction.atomic():
        draft = (
            # Skipped, not waited for: another worker is settling it, or an operator is about to unschedule it.
            PolicyDraft.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=DraftState.SCHEDULED, scheduled_at__lte=Now())
            .order_by("scheduled_at", "pk")
            .first()
        )
        if draft is None:
            return None
        assert draft.scheduled_at is not None
        late = (timezone.now() - draft.scheduled_at).total_seconds()
        try:
            with transaction.atomic():
                # Again: POLICY_REQUIRE_APPROVAL may have been set since it was scheduled.
                _demand_approval(draft)
                _put_in_force(Actor(draft.activated_by), draft)
        except DomainError as error:
            draft.state, draft.settled_at, draft.refusal = DraftState.REFUSED, timezone.now(), error.detail
            # The attempt has set it on this object; the savepoint took back only the row.
            draft.activated_version = None
            draft.save(update_fields=("state", "settled_at", "refusal", "activated_version"))
            record(SYSTEM, "draft.refused", f"draft {draft.pk}", reason=error.detail)
            POLICY_ACTIVATION_REFUSED.log(draft_id=draft.pk, reason=error.detail)
            return draft
        if late > LATE_SECONDS:
            record(SYSTEM, "policy.activated_late", f"draft {draft.pk}", reason=f"{late:.0f} seconds late")
            POLICY_ACTIVATED_LATE.log(draft_id=draft.pk, late_seconds=round(late))
    return draft


def _put_in_force(actor: Actor, draft: PolicyDraft) -> None:
    version = insert_version(
        actor,
        draft.content,
        base_version=draft.base_version_id,
        note=draft.note or draft.activation_reason,
    )
    draft.state, draft.settled_at, draft.activated_version = DraftState.ACTIVATED, timezone.now(), version
    draft.save(update_fields=("state", "settled_at", "activated_version", "activation_reason", "activated_by"))
    subject, changes = f"version {version.version} from draft {draft.pk}", changes_from_base(version)
    record(actor, "policy.activated", subject, reason=draft.activation_reason, changes=changes)


def _locked(draft_id: int, states: tuple[DraftState, ...] = CHANGEABLE) -> PolicyDraft:
    draft = PolicyDraft.objects.select_for_update(of=("self",)).filter(pk=draft_id).first()
    if draft is None:
        raise DomainError("not_found", f"Policy draft {draft_id} does not exist.")
    if draft.state not in states:
        raise DomainError(
            "draft_settled", f"This draft is {draft.state.lower()}; it must be {' or '.join(states).lower()}."
        )
    return draft


def _demand_approval(draft: PolicyDraft) -> None:
    """Raise `approval_missing` when the site wants another person's approval and there is none."""
    if settings.POLICY_REQUIRE_APPROVAL and not is_approved(draft):
        raise DomainError("approval_missing", "Somebody else must approve exactly this content first.")
