"""One signal that an engine has not answered, assigned to either engine under the same policy: what may others see?"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from experiments.core.decision import BUCKETS, AssignmentKey, assignment_hash, bucket_of
from experiments.models import Experiment
from experiments.worker.pipeline import drain
from policies.selectors import active_policy
from signals_app.alerts.documents import trade_id
from signals_app.models import Signal
from tests.acceptance.test_blindness import MASKS, Blind, let_the_other_work
from tests.factories import make_available, make_policy, make_signal


def masked(text: str) -> str:
    """The text without what is drawn or stamped anew each time."""
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text


def seen(name: str, executed: str, stage: str, moment: datetime, look: Callable[[Experiment], Any]) -> str:
    """What somebody sees while engine `name` has not answered and the other one is at this stage, taken back after."""
    with transaction.atomic():
        blind = Blind(name, open_signal(executed, moment))
        let_the_other_work(blind, stage)
        found = masked(str(look(blind.experiment)))
        transaction.set_rollback(True)
    return found


def open_signal(executed: str, moment: datetime) -> Experiment:
    """A live signal that the hash gives to this engine, of a policy by which it might as well be the other's."""
    make_available("A", "B")
    active = active_policy()
    # The phase of an evaluation that runs goes on.
    if active is None or active.configured_mode != "SPLIT_CAPITAL":
        make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="50", fee_per_contract="0")
    signal = make_signal(timestamp=moment)
    before, settings.ASSIGNMENT_KEY = settings.ASSIGNMENT_KEY, key_for(signal, executed)
    try:
        drain()
    finally:
        settings.ASSIGNMENT_KEY = before
    experiment = Experiment.objects.select_related("decision").get(signal=signal)
    assert experiment.decision.executed_engine == executed
    return experiment


def key_for(signal: Signal, engine: str) -> str:
    """The first of some keys by which the engine gets the signal."""
    keys = (AssignmentKey(bytes([number]) * 32) for number in range(256))
    for key in keys:
        is_a = bucket_of(assignment_hash(str(signal.pk), signal.signal_hash, key)) < BUCKETS // 2
        if is_a == (engine == "A"):
            return key.secret.hex()
    raise AssertionError("Half of all keys give it to either.")


def names_of(experiment: Experiment) -> list[str]:
    """Everything that names the experiment, what only follows from who trades it included."""
    decision = experiment.decision
    trades = [trade_id(experiment.pk, engine, kind) for engine in "AB" for kind in ("REAL", "SHADOW")]
    return [
        str(experiment.pk), str(experiment.signal_id), str(experiment.pk)[:8], experiment.signal_hash[:8],
        experiment.signal.market_context.context_hash, decision.decision_hash, experiment.assignment_hash[:10],
        *map(str, trades),
    ]  # fmt: skip
