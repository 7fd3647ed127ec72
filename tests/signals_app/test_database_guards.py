"""The database keeps a signal as it came in; only its processing moves on."""

from __future__ import annotations

import pytest

from tests.database import execute, refusal_of
from tests.factories import make_signal

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "change",
    [
        "signal_id = gen_random_uuid()", "source = 'x'", "exchange = 'x'", "symbol = 'QQQ'", "direction = 'SHORT'",
        "timeframe = '1h'", "timestamp = now()", "strategy = 'x'", "signal_hash = repeat('0', 64)",
        "raw_payload = '{}'", "consumed_fields = '{}'", "received_at = now() - interval '1 day'",
    ],
)  # fmt: skip
def test_the_identity_of_a_signal_never_changes(change: str) -> None:
    signal = make_signal()

    assert refusal_of(f"UPDATE signals SET {change}") == f"the identity of signal {signal.pk} never changes"


def test_a_signal_is_never_deleted() -> None:
    make_signal()

    assert refusal_of("DELETE FROM signals") == "signals is append-only: DELETE is refused"


def test_the_state_of_a_signal_may_change() -> None:
    make_signal()

    assert execute("UPDATE signals SET status = 'FAILED', attempts = 1 WHERE status = 'PENDING'") == 1


def test_a_processed_signal_has_its_time_and_no_other_has() -> None:
    make_signal()

    assert refusal_of("UPDATE signals SET status = 'PROCESSED'") == "signals_processed_has_time"
    assert refusal_of("UPDATE signals SET processed_at = now()") == "signals_processed_has_time"
    assert refusal_of("UPDATE signals SET status = 'DONE'") == "signals_status_known"
