"""Two people edited the same policy: what each changed since their common version, so that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.values import instant_text
from policies.core.settings import Change, PolicySettings, diff
from policies.models import PolicyDraft, PolicyVersion
from policies.selectors import active_policy


@dataclass(frozen=True, slots=True)
class Conflict:
    """What somebody else changed and what you changed, each since the same version."""

    title: str
    text: str
    their_title: str
    theirs: list[Change]
    your_title: str
    yours: list[Change]

    @property
    def both(self) -> set[str]:
        """Names of the settings that both changed."""
        return {change.name for change in self.theirs} & {change.name for change in self.yours}


def conflict_with_active(base: PolicyVersion, yours: PolicySettings, *, what: str) -> Conflict | None:
    """Both changes when another version than `base` is active; `what` names yours."""
    active = active_policy()
    if active is None or active == base:
        return None
    return Conflict(
        title=f"Version {active.version} was activated in the meantime",
        text=f"{active.created_by}, {instant_text(active.activated_at)}: {active.note}",
        their_title=f"Theirs: v{base.version} → v{active.version}",
        theirs=diff(base.content, active.content),
        your_title=f"Yours: v{base.version} → {what}",
        yours=diff(base.content, yours),
    )


def conflict_with_editor(draft: PolicyDraft, yours: PolicySettings) -> Conflict:
    """Both changes, when somebody else edited the draft while you did."""
    base = draft.base_version.content
    return Conflict(
        title=f"{draft.edited_by} edited this draft in the meantime",
        text=f"{instant_text(draft.edited_at)}: {draft.note}",
        their_title=f"Theirs: v{draft.base_version_id} → the current draft",
        theirs=diff(base, draft.content),
        your_title=f"Yours: v{draft.base_version_id} → this form",
        yours=diff(base, yours),
    )
