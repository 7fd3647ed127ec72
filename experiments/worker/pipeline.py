"""The main path: pending signals become decisions.

`process_batch` is one transaction and reads like the flow: lock the signals, read the policy in
force, freeze the market data, decide (pure), store every row and the PROCESSED mark. What waits is in
the database's queue; a wake-up that is lost, late or doubled changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from time import monotonic, process_time, sleep
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from experiments.core.decision import AssignmentKey, Decided, decide
from experiments.worker import queue as claim
from experiments.worker.queue import log_decided, store
from kernel.canonical import load_canonical
from kernel.events import GUARDRAIL_TRIPPED, SIGNAL_PROCESSING_FAILED
from policies.core.rules import PolicyState, Trip
from policies.core.settings import GUARDRAILS, PolicySettings
from policies.selectors import instant_of_change, state_in_force
from signals_app.alerts import documents
from signals_app.alerts.documents import SignalFacts, experiment_id
from signals_app.alerts.fields import undelayed

# The knee of the curve: larger batches gain little and delay their first row.
BATCH_SIZE = 500
# A drain ends well before the task timeout and the watchdog's however long the queue and slow the database is; the
# broker asks again at once.
BATCHES_PER_DRAIN = 20
MAX_DRAIN_SECONDS = 5.0
# PostgreSQL's class of errors for what is too large for it.
LIMIT_EXCEEDED = "54"
# A worker that has decided something looks again for a while: the way through hint, pusher and queue takes
# longer. It rests four times the processor time that it took, so that the more alerts come, the more a batch takes
# along: batches of 150 cost half of what batches of ten cost each signal, and the webhook gets the rest.
LINGER_SECONDS = 0.05
RESTS_PER_WORK = 4
MIN_REST_SECONDS, MAX_REST_SECONDS = 0.005, 0.15
# Well below the task timeout, and a heartbeat is due.
MAX_STAY_SECONDS = 2.0

# The share of failed signals says nothing about a handful of them. Those an operator has discarded count as
# failed all the same: they tell how the machinery does, and whoever wants trading to go on releases the guardrail.
MIN_SIGNALS = 20

SINCE_RELEASE = "coalesce((SELECT max(released_at) FROM guardrail_trips WHERE name = '{name}'), '-infinity')"
# The statement that measures each guardrail; `{since}` is when it was last released. Apps above add those that
# measure their own tables, see `register_guardrails`.
MEASURES: dict[str, str] = {
    "max_failed_signal_percentage": f"""
        SELECT CASE WHEN count(*) >= {MIN_SIGNALS}
                    THEN round(100.0 * count(*) FILTER (WHERE status = 'FAILED') / count(*), 2) ELSE 0 END
          FROM signals WHERE received_at > now() - interval '1 hour' AND received_at > {{since}}""",  # noqa: S608
    # The worse of the two engines: how often it came back after a gap; a stretch that begins while the one
    # before still lasts tells of another version, other rules or another time to live, and of no gap.
    "max_engine_flaps": """
        SELECT coalesce(max(n), 0) FROM (
            SELECT count(*) AS n FROM engine_availability AS s
             WHERE first_heartbeat_at > now() - interval '1 hour' AND first_heartbeat_at > {since}
               AND NOT EXISTS (SELECT FROM engine_availability AS b WHERE b.engine = s.engine
                                  AND b.first_heartbeat_at < s.first_heartbeat_at
                                  AND b.available_until > s.first_heartbeat_at)
               AND EXISTS (SELECT FROM engine_availability AS b WHERE b.engine = s.engine
                              AND b.first_heartbeat_at < s.first_heartbeat_at)
             GROUP BY engine) AS per_engine""",
}
# Two workers may find the same breach at the same moment: the second one's row is not needed.
TRIP = """
INSERT INTO guardrail_trips (name, value, "limit", policy_version, tripped_at, released_by, release_reason)
VALUES (%s, %s, %s, %s, %s, '', '')
ON CONFLICT (name) WHERE released_at IS NULL DO NOTHING
"""


def register_guardrails(statements: Mapping[str, str]) -> None:
    """Add the statements of an app above; called once, when the apps are ready."""
    MEASURES.update(statements)


def drain_signals() -> int:
    """Process what waits: the task of the django-q cluster, harmless at any time and any number of times (R9.5)."""
    started, decided, cost = monotonic(), *_timed_drain()
    latest = monotonic()
    while decided and monotonic() - latest < LINGER_SECONDS and latest - started < MAX_STAY_SECONDS:
        sleep(min(max(RESTS_PER_WORK * cost, MIN_REST_SECONDS), MAX_REST_SECONDS))
        more, more_cost = _timed_drain()
        if more:
            decided, cost, latest = decided + more, more_cost, monotonic()
    return decided


def _timed_drain() -> tuple[int, float]:
    """How many signals were decided, and the processor seconds that it took."""
    before = process_time()
    return drain(), process_time() - before


def drain() -> int:
    """Process what waits, up to 20 batches or 5 s, and count how many signals got a decision.

    1. Count the attempts of signals whose worker died after claiming them.
    2. Take batches of fresh signals until none is left.
    3. Between batches try one failed signal whose next attempt is due.
    """
    batches, signals = claim.what_waits()
    if batches:
        _log_failures(claim.release_orphans(), "The worker died while it was processing this signal.")
    elif not signals:
        return 0
    decided = 0
    ends = monotonic() + MAX_DRAIN_SECONDS
    for _ in range(BATCHES_PER_DRAIN):
        fresh = claim.claim_fresh(BATCH_SIZE)
        if fresh is not None:
            decided += process_claimed(fresh)
        due = claim.claim_due()
        if due is not None:
            decided += process_claimed(due)
        elif fresh is None or len(fresh.signal_ids) < BATCH_SIZE:
            break
        if monotonic() > ends:
            break
    return decided


def process_claimed(batch: claim.Batch) -> int:
    """Process a claimed batch and release it; a signal that fails is recorded and stops no other."""
    decided = _process_or_split(batch, batch.signal_ids)
    if decided < len(batch.signal_ids):
        claim.finish(batch)
    return decided


def process_batch(batch: claim.Batch, signal_ids: list[UUID], key: AssignmentKey | None = None) -> list[Decided]:
    """Decide these signals in one transaction and return what was decided (R2.1, R9.5, R10.2).

    Without a key, they are assigned with this installation's own.
    """
    key = key or AssignmentKey.read(settings.ASSIGNMENT_KEY)  # a system check has seen that it is one
    with transaction.atomic():
        signals = claim.lock_signals(signal_ids)
        if not signals:
            return []
        state = state_in_force()
        # A guardrail that has tripped stops real trading by itself: no other is measured until it is released. One that
        # trips now is part of a later instant than the one read.
        if state.guardrail is None and trip_guardrail(state) is not None:
            state = state_in_force()
        market_data = latest_market_data(signals, max_age_seconds=state.settings.max_market_data_age_seconds)
        decided = [decide(signal, state, data, key) for signal, data in zip(signals, market_data, strict=True)]
        store(
            decided,
            batch.token,
            policy_version=state.version,
            split_percentage=state.settings.split_percentage,
            decided_at=state.at,
        )
    log_decided(decided)
    return decided


def _process_or_split(batch: claim.Batch, signal_ids: list[UUID]) -> int:
    """Process the signals; when that fails, halve until the one that fails stands alone.

    A database that is away, full, busy or deadlocked is no signal's fault: its errors pass through, the worker
    reconnects and the batch is found again by `release_orphans`.
    """
    try:
        return len(process_batch(batch, signal_ids))
    except Exception as error:
        # A row too large for one of the database's limits counts among these errors, but fails for ever.
        state = getattr(error.__cause__, "sqlstate", None) or ""
        if isinstance(error, OperationalError | InterfaceError) and not state.startswith(LIMIT_EXCEEDED):
            raise
        # Whatever else a signal does, it is recorded with the signal.
        if len(signal_ids) == 1:
            message = f"{type(error).__name__}: {error}"
            _log_failures(claim.record_failure(signal_ids, message), message)
            return 0
    middle = len(signal_ids) // 2
    return _process_or_split(batch, signal_ids[:middle]) + _process_or_split(batch, signal_ids[middle:])


def guardrail_levels(settings: PolicySettings) -> Iterator[tuple[str, int | Decimal, int | Decimal]]:
    """Name, present value and limit of each guardrail that has a limit; measured as they are asked for."""
    for name in GUARDRAILS:
        limit: int | Decimal | None = getattr(settings, name)
        if limit is not None:
            with connection.cursor() as cursor:
                cursor.execute(MEASURES[name].format(since=SINCE_RELEASE.format(name=name)))
                yield name, cursor.fetchone()[0], limit


def trip_guardrail(state: PolicyState) -> Trip | None:
    """Trip the first guardrail that has reached its limit; None when all is well.

    Call it in the transaction of the decision.
    """

    def text(number: int | Decimal) -> str:
        return f"{number:.2f}" if isinstance(number, Decimal) else str(number)

    for name, value, limit in guardrail_levels(state.settings):
        if value < limit:
            continue
        trip = Trip(name, text(value), text(limit))
        with connection.cursor() as cursor:
            cursor.execute(TRIP, (name, trip.value, trip.limit, state.version, instant_of_change()))
            if cursor.rowcount:
                transaction.on_commit(partial(GUARDRAIL_TRIPPED.log, policy_version=state.version, **trip.document()))
        return trip
    return None


def _log_failures(failed: list[tuple[UUID, str, int]], error: str) -> None:
    for signal_id, signal_hash, attempts in failed:
        SIGNAL_PROCESSING_FAILED.log(
            signal_id=str(signal_id),
            # The id it will have once it is decided: it follows from the signal.
            experiment_id=experiment_id(signal_id, signal_hash),
            attempts=attempts,
            error=error,
        )


# The newest observation at or before each signal's time, if it is young enough (contract section 4).
# One of another exchange never is: BA is Boeing on NYSE and BAE on LSE; where either names none, it may be the same.
# Of several feeders at one instant the first by name, so that a replay finds the same one.
LATEST_MARKET_DATA = """
SELECT s.ordinal, m.as_of, m.received_at, m.source, m.data::text
  FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) WITH ORDINALITY AS s (symbol, exchange, moment, ordinal)
 CROSS JOIN LATERAL (
    SELECT as_of, received_at, source, data FROM market_data
     WHERE symbol = s.symbol AND as_of <= s.moment AND as_of >= s.moment - make_interval(secs => %s)
       AND (exchange = s.exchange OR '' IN (exchange, s.exchange))
     ORDER BY as_of DESC, source, exchange LIMIT 1) AS m
"""


def latest_market_data(signals: Sequence[SignalFacts], *, max_age_seconds: int) -> list[documents.MarketData | None]:
    """For each signal the latest pushed market data as of its timestamp; None where there is none."""
    found: list[documents.MarketData | None] = [None] * len(signals)
    symbols, exchanges = [s.symbol for s in signals], [undelayed(s.exchange) for s in signals]
    with claim.array_cursor() as cursor:
        moments = [s.timestamp for s in signals]
        cursor.execute(LATEST_MARKET_DATA, (symbols, exchanges, moments, max_age_seconds), prepare=False)
        for ordinal, as_of, received_at, source, data in cursor.fetchall():
            found[ordinal - 1] = documents.MarketData(
                as_of=as_of, received_at=received_at, source=source, data=load_canonical(data)
            )
    return found
