"""One task per signal, as most Django projects would write it.

The decision itself is the product's pure core; read, write and log happen for every signal by itself.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from experiments.core.decision import AssignmentKey, Decided, decide
from experiments.models import ExecutionDecision, Experiment, SignalDistribution
from experiments.worker.pipeline import latest_market_data
from experiments.worker.queue import log_decided, store
from kernel.canonical import load_canonical
from kernel.values import format_timestamp
from policies.core.rules import RULES_VERSION, PolicyState
from policies.selectors import state_in_force
from signals_app.alerts.documents import SignalFacts
from signals_app.models import MarketContext, Signal


def decide_with_models(signal_id: str) -> None:
    """Decide one signal; every row through its model."""
    with transaction.atomic():
        signal = Signal.objects.select_for_update().get(pk=signal_id)
        if signal.status == "PROCESSED":
            return
        state = state_in_force()
        decided = _decided(signal, state)
        _create_rows(signal, decided, state)
    log_decided([decided])


def decide_with_statement(signal_id: str) -> None:
    """Decide one signal; all rows by the product's own statement, one signal at a time."""
    with transaction.atomic():
        signal = Signal.objects.select_for_update().get(pk=signal_id)
        if signal.status == "PROCESSED":
            return
        state = state_in_force()
        decided = _decided(signal, state)
        store(
            [decided],
            uuid4(),
            policy_version=state.version,
            split_percentage=state.settings.split_percentage,
            decided_at=state.at,
        )
    log_decided([decided])


def _decided(signal: Signal, state: PolicyState) -> Decided:
    facts = SignalFacts(
        signal_id=str(signal.signal_id), source=signal.source, exchange=signal.exchange, symbol=signal.symbol,
        direction=signal.direction, timeframe=signal.timeframe, timestamp=format_timestamp(signal.timestamp),
        strategy=signal.strategy, order_id=signal.order_id, signal_hash=signal.signal_hash, payload=signal.raw_payload,
        consumed=frozenset(signal.consumed_fields),
    )  # fmt: skip
    (market_data,) = latest_market_data([facts], max_age_seconds=state.settings.max_market_data_age_seconds)
    return decide(facts, state, market_data, AssignmentKey.read(settings.ASSIGNMENT_KEY))


def _create_rows(signal: Signal, decided: Decided, state: PolicyState) -> None:
    now, ruling = datetime.now(UTC), decided.ruling
    MarketContext.objects.create(
        signal=signal, context=load_canonical(decided.context), context_hash=decided.context_hash, created_at=now
    )
    experiment = Experiment.objects.create(
        experiment_id=decided.experiment_id,
        signal=signal,
        signal_hash=signal.signal_hash,
        split_percentage=state.settings.split_percentage,
        policy_version_id=state.version,
        created_at=now,
        **asdict(decided.assignment),
    )
    ExecutionDecision.objects.create(
        experiment=experiment,
        policy_version_id=state.version,
        rules_version=RULES_VERSION,
        inputs=load_canonical(ruling.inputs),
        decision_hash=ruling.decision_hash,
        decided_at=now,
        **ruling.resolution.document(),
    )
    for engine in "AB":
        SignalDistribution.objects.create(
            experiment=experiment, engine=engine, context_hash=decided.context_hash, distributed_at=now
        )
    signal.status, signal.processed_at, signal.processing_lock = "PROCESSED", now, UUID(int=0)
    signal.save(update_fields=["status", "processed_at", "processing_lock"])
