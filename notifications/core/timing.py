"""When somebody is told of what happened: after a grace time, with others, and not at night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

# A halt drill is over by then, and a guardrail that trips with another is told with it.
LEAST_GRACE = timedelta(seconds=3)
MAX_ATTEMPTS = 10
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a recipient wants; `quiet` is from and until, by the clock of `zone`, and may cross midnight."""

    grace: timedelta = timedelta()
    digest: timedelta = timedelta()
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"
    quiet_when_urgent: bool = False


def due_at(happened_at: datetime, rules: Rules, *, urgent: bool) -> datetime:
    """When a recipient is told, UTC.

    1. Not before the grace time is over: what ends within it is not told at all.
    2. With a digest, at its next full step of the day, UTC; what is urgent does not wait for it.
    3. Not in quiet hours but at their end; what is urgent waits only for those who want that.
    """
    due = happened_at + max(rules.grace, LEAST_GRACE)
    if rules.digest and not urgent:
        midnight = due.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        due = midnight - (midnight - due) // rules.digest * rules.digest
    if rules.quiet is None or (urgent and not rules.quiet_when_urgent):
        return due
    begins, ends = rules.quiet
    local = due.astimezone(ZoneInfo(rules.zone))
    at = local.time()
    is_quiet = begins <= at < ends if begins <= ends else at >= begins or at < ends
    if not is_quiet:
        return due
    day = local.date() + timedelta(days=at >= ends)
    return datetime.combine(day, ends, ZoneInfo(rules.zone)).astimezone(UTC)


def pause_after(attempts: int) -> timedelta | None:
    """How long after so many failed attempts the next one is made; None when there is none."""
    if attempts >= MAX_ATTEMPTS:
        return None
    doubled: timedelta = FIRST_PAUSE * 2 ** (attempts - 1)
    return min(doubled, LONGEST_PAUSE)
