"""Reads for analysts, the admin and engines: experiments with everything that happened to one (R5.5), own trades."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from experiments.core.explanation import EngineFacts, explain
from experiments.models import Experiment
from kernel.errors import DomainError, gone
from kernel.sql import load
from kernel.values import MOMENT_PATTERN, UUID_PATTERN, epoch_microseconds, from_epoch_microseconds
from outcomes.core.books import result_in_force
from outcomes.models import Action, ArchivedExperiment, Outcome, RealTrade, Recommendation, ShadowTrade
from policies.as_of import absence_at
from policies.models import PolicyVersion
from policies.selectors import open_halt
from signals_app.models import Signal

MISSING = load(__file__, "missing.sql")
MISSING_ASSIGNMENT = load(__file__, "missing_assignment.sql")
# What `experiment_story` reads beside the experiment, in a query each.
STORY = (
    "recommendations",
    "permit",
    "distributions",
    "realtrades__outcomes",
    "shadowtrades__outcomes",
    "realtrades__fills",
    "shadowtrades__fills",
    "shadowtrades__own_exit",
    "amendments",
    "exit_directives",
    "incidents__acknowledgement",
    "violations",
)
# Query parameters and the columns that they filter.
FILTERS = {
    "symbol": "signal__symbol",
    "direction": "signal__direction",
    "timeframe": "signal__timeframe",
    "variant": "variant",
    "execution_mode": "decision__execution_mode",
    "executed_engine": "decision__executed_engine",
    "reason": "decision__reason",
    "policy_version": "policy_version_id",
    "since": "created_at__gte",
    "until": "created_at__lt",
}


# The most of its own trades that an engine is answered at once.
MAX_TRADES = 200
CURSOR = f"^{MOMENT_PATTERN}_{UUID_PATTERN}$"
# What a trade's document reads beside the trade itself, in a query each.
_OF_A_TRADE = ("fills", "outcomes", "amendments", "exit_directives", "experiment__violations")


# Whether a trade's signal was replayed; None where that was deleted. Not joined: the trade must not vanish with it.
REPLAYED = Subquery(Signal.objects.filter(experiment=OuterRef("experiment_id")).values("replayed"))


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list of an engine's own: all up to this one are on earlier pages."""

    moment: datetime
    id: UUID

    def text(self) -> str:
        """As a cursor; CURSOR is the pattern of all."""
        return f"{epoch_microseconds(self.moment)}_{self.id}"

    @classmethod
    def read(cls, text: str) -> Position:
        """The place that a cursor names."""
        moment, _, identity = text.partition("_")
        return cls(from_epoch_microseconds(moment), UUID(identity))

    def beyond(self, time: str, identity: str) -> Q:
        """The rows behind it in the order of these two fields."""
        later = Q((f"{time}__gt", self.moment)) | Q((time, self.moment), (f"{identity}__gt", self.id))
        # The first bound is for the index, the second the rule.
        return Q((f"{time}__gte", self.moment)) & later


def own_trades(
    engine: str,
    *,
    page_size: int,
    cursor: Position | None = None,
    experiment_id: UUID | None = None,
    status: str | None = None,
    kind: str | None = None,
    since: datetime | None = None,
) -> tuple[list[RealTrade | ShadowTrade], Position | None]:
    """A page of the engine's real and shadow trades, oldest first, and where the next one begins; None on the last."""
    conditions: dict[str, Any] = {"engine": engine}
    conditions |= {} if experiment_id is None else {"experiment_id": experiment_id}
    conditions |= {} if status is None else {"status": status}
    conditions |= {} if since is None else {"opened_at__gte": since}
    found: list[RealTrade | ShadowTrade] = []
    for table, extra in ((RealTrade, ("experiment__shadowtrades",)), (ShadowTrade, ("own_exit",))):
        if kind in (None, table.kind):
            rows: QuerySet[Any] = table.objects.filter(**conditions).annotate(replayed=REPLAYED)
            rows = rows.order_by("opened_at", "trade_id")
            if cursor is not None:
                rows = rows.filter(cursor.beyond("opened_at", "trade_id"))
            found += rows.prefetch_related(*_OF_A_TRADE, *extra)[: page_size + 1]
    found.sort(key=lambda trade: (trade.opened_at, trade.trade_id))
    page = found[:page_size]
    for trade in page:
        if not hasattr(trade, "experiment"):
            # Deleted behind the product's back: what else there is of it is found by its id.
            trade.experiment = Experiment(pk=trade.experiment_id)
    return page, Position(page[-1].opened_at, page[-1].trade_id) if len(found) > page_size else None


def experiments(filters: dict[str, Any]) -> QuerySet[Experiment]:
    """Experiments with signal and decision, newest first; `filters` by the names of FILTERS."""
    conditions = {FILTERS[name]: value for name, value in filters.items()}
    return (
        Experiment.objects.filter(**conditions)
        .select_related("decision")
        # Not joined: an experiment whose signal was deleted must not vanish from the list with it.
        .prefetch_related("signal")
        .order_by("-created_at", "experiment_id")
    )


def answers_to_open(
    engine: str, *, page_size: int, since: datetime | None = None, cursor: Position | None = None
) -> tuple[list[Recommendation], Position | None]:
    """A page of the engine's answers to open without a trade, oldest first, and where the next begins, if any.

    Of those since a time, or of the last day: what was answered before can no longer be opened.
    """
    begun = since or Now() - timedelta(days=1)
    rows = Recommendation.objects.filter(engine=engine, action=Action.OPEN, recommended_at__gte=begun)
    for table in (RealTrade, ShadowTrade):
        rows = rows.exclude(Exists(table.objects.filter(experiment_id=OuterRef("experiment_id"), engine=engine)))
    if cursor is not None:
        rows = rows.filter(cursor.beyond("recommended_at", "experiment_id"))
    found = list(rows.order_by("recommended_at", "experiment_id")[: page_size + 1])
    page, is_halted = found[:page_size], open_halt() is not None
    for one in page:
        one.halted = is_halted
    return page, Position(page[-1].recommended_at, page[-1].experiment_id) if len(found) > page_size else None


def experiment_story(experiment_id: UUID) -> Experiment:
    """One experiment with everything that happened to it.

    Raises `not_found`, and `history_incomplete` where signal or decision were deleted: without them there is no story.
    """
    found = (
        Experiment.objects.select_related("signal__market_context", "decision")
        .prefetch_related(*STORY)
        .filter(pk=experiment_id)
        .first()
    )
    if found is not None and hasattr(found, "decision"):
        return found
    if missing := missing_rows(experiment_id):
        raise gone(*missing)
    if ArchivedExperiment.objects.filter(pk=experiment_id).exists():
        raise DomainError("not_found", "The experiment is archived: its rows are in files (docs/data.md).")
    raise DomainError("not_found", "Experiment not found.")


def missing_rows(experiment_id: UUID) -> list[str]:
    """What of an experiment was deleted behind the product's back, in words and in the order of the flow."""
    with connection.cursor() as cursor:
        cursor.execute(MISSING, {"experiment": experiment_id})
        return [what for (what,) in cursor.fetchall()]


@contextmanager
def naming_what_is_gone(engine: str, experiment_id: UUID) -> Iterator[None]:
    """Turn the block's `not_found` into `history_incomplete` where the assignment is the engine's, but not whole."""
    try:
        yield
    except DomainError as error:
        if error.code != "not_found":
            raise
        with connection.cursor() as cursor:
            cursor.execute(MISSING_ASSIGNMENT, {"experiment": experiment_id, "engine": engine})
            missing = [what for (what,) in cursor.fetchall()]
        if not missing:
            raise
        raise gone(*missing) from None


def by_engine(
    experiment: Experiment,
) -> dict[str, tuple[Recommendation | None, RealTrade | ShadowTrade | None, Outcome | None]]:
    """What each engine recommended, traded and earned; None for what it has not done (yet)."""
    recommendations = {r.engine: r for r in experiment.recommendations.all()}
    trades: dict[str, RealTrade | ShadowTrade] = {t.engine: t for t in experiment.shadowtrades.all()}
    trades |= {t.engine: t for t in experiment.realtrades.all()}
    return {
        engine: (
            recommendations.get(engine),
            trade := trades.get(engine),
            result_in_force(trade.outcomes.all()) if trade else None,
        )
        for engine in ("A", "B")
    }


def explanation_of(experiment: Experiment) -> str:
    """One sentence: who traded for real, why, and what the other engine did (R5.5)."""
    decision = experiment.decision
    facts = {}
    for engine, (recommendation, trade, _) in by_engine(experiment).items():
        facts[engine] = EngineFacts(
            action=recommendation.action if recommendation else None,
            role=recommendation.role if recommendation else None,
            role_reason=recommendation.role_reason if recommendation else None,
            traded=trade is not None,
        )
    return explain(
        executed_engine=decision.executed_engine,
        inputs=decision.inputs,
        rules_version=decision.rules_version,
        engines=facts,
        absences=absences_of(experiment),
    )


def absences_of(experiment: Experiment) -> dict[str, str]:
    """What is known of each engine that was not available when the experiment was decided."""
    decision = experiment.decision
    absent = [engine for engine in ("A", "B") if not decision.inputs[f"engine_{engine.lower()}_available"]]
    # The version may have been deleted behind our back; nothing is known then.
    policy = PolicyVersion.objects.filter(pk=experiment.policy_version_id).first() if absent else None
    if policy is None:
        return {}
    return {engine: absence_at(engine, decision.decided_at, policy.heartbeat_ttl_seconds) for engine in absent}
