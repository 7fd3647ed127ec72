"""What is worth a look on the first page although nobody need act at once: what other pages report, with the way there.

Nothing here counts as asking for attention; what already does is not said a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from orchestrator_site.console.attention import Attention, Inbox
from orchestrator_site.console.engine_uptime import uptimes
from outcomes.core.sentences import FLAGS
from outcomes.evaluations.documents import flags_of
from outcomes.models import EvaluationRun
from policies.core.settings import GUARDRAILS, label_of
from policies.models import Halt
from policies.selectors import active_policy

# An engine that was away for longer than this share of a day has missed more than a restart.
LEAST_AVAILABLE = 0.95
# As long as its end asks for attention.
ENDED_DAYS = 7


def reviews(asking: Inbox) -> Iterator[Attention]:
    """Engines that were often away, a switch never tried, guardrails without a limit, a verdict with reservations."""
    asked = {one.kind for one in (*asking.open, *asking.seen)}
    for engine, uptime in sorted(uptimes(days=1).items()):
        if uptime.share < LEAST_AVAILABLE and f"engine_{engine}" not in asked:
            is_new = uptime.seconds < timedelta(days=1).total_seconds()
            since = "of the time since its first heartbeat" if is_new else "of the last 24 hours"
            text = f"Engine {engine} was available {uptime.percentage} {since}."
            yield Attention(f"low_{engine}", text, "engines")
    if "halt_drill" not in asked and not Halt.objects.filter(drill_seconds__isnull=False).exists():
        yield Attention("halt_drill", "Halt has never been tested. Run a drill now, then monthly.", "risk")
    policy = active_policy()
    off = [name for name in GUARDRAILS if policy is not None and getattr(policy, name) is None]
    if off:
        said = "All guardrails are off" if len(off) == len(GUARDRAILS) else "These guardrails are off"
        text = f"{said}: {', '.join(label_of(name) for name in off)}."
        yield Attention("guardrails_off", text, "policies_policyversion_changelist")
    lately = Q(ended_at=None) | Q(ended_at__gte=Now() - timedelta(days=ENDED_DAYS))
    run = EvaluationRun.objects.filter(lately).select_related("evaluation").order_by("attempt").last()
    flags = flags_of(run) if run is not None else []
    if run is not None and flags:
        text = f"The verdict of {run.evaluation.name} has reservations. {' '.join(FLAGS[flag] for flag in flags)}"
        yield Attention("verdict_flags", text, "outcomes_evaluation_latest")
