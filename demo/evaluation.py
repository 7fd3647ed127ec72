"""The demo's evaluation: written and approved before its first alert is sent, and finished after the last exit.

Nothing in it is chosen by its result: the worst block follows the rule, from how many signals a busy block will have.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date

from django.contrib.auth.models import User

from demo.bars import ReplayBar
from kernel.actors import Actor, account_actor
from outcomes.core.evaluation import NEUTRAL, SYNCHRONISED, R, read_plan
from outcomes.evaluations import judging, lifecycle
from outcomes.evaluations.documents import evaluation_document, waits_document
from outcomes.models import Evaluation, EvaluationRun

NAME = "demo"
AUTHOR, APPROVER = Actor("demo"), "operator"
BLOCK_DAYS, MAX_HOLD_DAYS, MARGIN = 28, 13, "0.1"
LOOK_SECONDS = 1.0


def start(alerts: Sequence[ReplayBar]) -> Evaluation:
    """Start the evaluation, or find the one of an earlier run on the same database."""
    earlier = Evaluation.objects.filter(name=NAME, run__isnull=False).first()
    if earlier is not None:
        return earlier
    first_day = min(item.bar.day for item in alerts)
    busy = busy_signals([item.bar.day for item in alerts], first_day)
    plan = read_plan(
        {
            "name": NAME,
            "note": "Does the panel of agents find better options than the breakout rules?",
            "clock": "EVENT",
            "starts_at": f"{first_day}T05:00:00Z",
            "metric": R,
            "estimand": SYNCHRONISED,
            "prices": NEUTRAL,
            "block_days": BLOCK_DAYS,
            "max_hold_days": MAX_HOLD_DAYS,
            # Every signal of a busy block apart by 1 R at the weight of an even split, rounded up.
            "worst_block": f"{math.ceil(10 * math.sqrt(busy)) / 10}",
            "margin": MARGIN,
            "horizon_blocks": (max(item.bar.day for item in alerts) - first_day).days // BLOCK_DAYS + 1,
            "busy_signals": busy,
        }
    )
    evaluation = lifecycle.create_evaluation(AUTHOR, plan)
    approver = account_actor(User.objects.get(username=APPROVER))
    lifecycle.approve_evaluation(approver, NAME, content_hash=evaluation.content_hash)
    return lifecycle.start_evaluation(AUTHOR, NAME).evaluation


def busy_signals(days: Sequence[date], first_day: date) -> int:
    """The signals of a busy block: the 95th percentile of all that have one."""
    sizes = sorted(Counter((day - first_day).days // BLOCK_DAYS for day in days).values())
    return sizes[math.ceil(0.95 * len(sizes)) - 1]


def finish(evaluation: Evaluation, show: Callable[[str], None]) -> str:
    """Finish it and judge its last blocks; the sentence. `show` is told what it waits for."""
    run = lifecycle.finish_evaluation(AUTHOR, evaluation.name, reason="The replay is over.")
    while True:
        while judging.judge_next(run.pk):
            show(f"Evaluation, blocks judged: {evaluation.blocks.filter(revision=1).count()}")
        waits = waits_document(EvaluationRun.objects.select_related("evaluation", "policy_version").get(pk=run.pk))
        if waits is None:
            break
        show(f"Evaluation: waits for {waits['for']}")
        time.sleep(LOOK_SECONDS)
    sentence: str = evaluation_document(lifecycle.evaluation_named(evaluation.name))["sentence"]
    return sentence
