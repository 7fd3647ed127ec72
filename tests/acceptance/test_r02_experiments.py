"""R2: every signal has one experiment, whose variant follows from the signal alone."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from experiments.core.decision import assign, assignment_hash
from experiments.models import Experiment
from experiments.worker.pipeline import drain
from signals_app.models import Signal
from tests.database import execute, row_of
from tests.experiments.raw_rows import without_triggers
from tests.factories import make_experiment, make_policy, make_signal, make_source
from tests.golden import VECTOR_KEY
from tests.signals_app.webhook.webhook import alert, send

pytestmark = pytest.mark.django_db


def test_r2_1_every_processed_signal_has_exactly_one_experiment() -> None:
    make_source()
    body = alert()
    assert [send(body).json()["status"] for _ in range(3)] == ["accepted", "duplicate", "duplicate"]
    for symbol in ("QQQ", "IWM"):
        send(alert(symbol=symbol))

    drain()
    drain()

    assert Signal.objects.filter(status="PROCESSED").count() == 3
    assert sorted(Experiment.objects.values_list("signal__symbol", flat=True)) == ["IWM", "QQQ", "SPY"]


def test_r2_2_the_assignment_hash_follows_from_signal_id_and_signal_hash() -> None:
    experiment = make_experiment("A")

    signal = experiment.signal
    by_hand = hashlib.sha256(
        b"\x00\x00\x00\x1aorchestrator/assignment/v2"
        b"\x00\x00\x00\x24"
        + str(signal.signal_id).encode()
        + b"\x00\x00\x00\x20"
        + bytes.fromhex(signal.signal_hash)
        + b"\x00\x00\x00\x20"
        + bytes(32)
    ).hexdigest()
    assert experiment.assignment_hash == by_hand
    assert assignment_hash(signal.signal_id, signal.signal_hash, VECTOR_KEY) == by_hand


@pytest.mark.parametrize("split", ["0", "12.34", "50", "99.99", "100"])
def test_r2_3_the_hash_selects_the_engine(split: str) -> None:
    make_policy(split_percentage=split)
    for _ in range(10):
        make_signal()
    drain()

    for experiment in Experiment.objects.all():
        bucket = int(experiment.assignment_hash[:12], 16) * 10_000 >> 48
        assert experiment.bucket == bucket
        assert experiment.variant == ("A" if bucket < Decimal(split) * 100 else "B")


def test_r2_4_the_experiment_keeps_everything_needed_to_attribute_it() -> None:
    experiment = make_experiment("A", policy={"split_percentage": "62.5"})

    row = row_of("experiments", experiment_id=experiment.pk)

    signal = experiment.signal
    expected = assign(signal.signal_id, signal.signal_hash, Decimal("62.5"), VECTOR_KEY)
    assert row["signal_id"] == signal.signal_id
    assert (row["variant"], row["assignment_hash"]) == (expected.variant, expected.assignment_hash)
    assert row["assignment_key_id"] == hashlib.sha256(bytes(32)).hexdigest()[:16]
    assert row["split_percentage"] == Decimal("62.50")


def test_r2_5_the_same_signal_gets_the_same_variant_whenever_it_is_processed() -> None:
    first = make_experiment("A")
    kept = row_of("experiments", experiment_id=first.pk)

    with without_triggers():
        for table in ("signal_distributions", "execution_policy", "experiments", "market_contexts"):
            execute(f"DELETE FROM {table}")
    execute("UPDATE signals SET status = 'PENDING', processed_at = NULL")
    drain()

    assert row_of("experiments", experiment_id=first.pk) == kept
