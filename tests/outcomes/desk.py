"""Plain builders of what engines report, and of engines that report it through the real API."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework.test import APIClient

from experiments.models import Experiment, SignalDistribution
from kernel.values import format_timestamp, parse_instant
from outcomes.models import TradeAmendment, Violation
from outcomes.services.pricing import PushedQuote, store_quotes
from tests.database import execute
from tests.factories import api_client, make_experiment

# The known answer of real quotes, 2014-06-05: entry at the ask at 14:00, exit at the bid at 18:00 UTC. The signals come
# from a replayed source, whose clock is that of their alerts: of a daily chart, so that the bar spans the session.
SIGNAL_TIME = datetime(2014, 6, 5, 13, 30, tzinfo=UTC)
# Each signal's own, and so close together that no process of tests makes as many as come up to the entry.
_microseconds = itertools.count()
C70 = "TWX   140621C00070000"
C72_5_JULY = "TWX   140719C00072500"
ENTRY_TIME = "2014-06-05T14:00:00.000000Z"
EXIT_TIME = "2014-06-05T18:00:00.000000Z"
OWN_TIME = "2014-06-05T17:00:00.000000Z"  # when a shadow leaves by its own rules
RULES_HASH = "a" * 64  # what tests.factories registers for both engines


def context_hash(experiment: Experiment) -> str:
    found: str = SignalDistribution.objects.filter(experiment=experiment).values_list("context_hash", flat=True)[0]
    return found


def recommendation(experiment: Experiment, **changes: Any) -> dict[str, Any]:
    return {
        "experiment_id": str(experiment.pk),
        "context_hash": context_hash(experiment),
        "action": "OPEN",
        "strategy_version": "1.0",
        "rules_hash": RULES_HASH,
        "plan": None if changes.get("action") == "DECLINE" else plan(),
        "recommendation": {"buy": "a call"},
    } | changes


def plan(*legs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What an engine would trade: one contract of these legs, named as those of a trade."""
    planned = [{name: each[name] for name in ("instrument", "side", "ratio")} for each in legs or (leg(),)]
    unit = {"quantity": "1", "multiplier": "100", "currency": "USD", "risk_amount": "139"}
    return {"legs": planned} | unit | changes


def leg(instrument: str = C70, side: str = "LONG", entry_price: Any = "1.39", **changes: Any) -> dict[str, Any]:
    return {"instrument": instrument, "side": side, "ratio": 1, "entry_price": entry_price} | changes


def trade(experiment: Experiment, kind: str = "REAL", **changes: Any) -> dict[str, Any]:
    legs = changes.get("legs") or [leg()]
    return {
        "experiment_id": str(experiment.pk),
        "kind": kind,
        "legs": legs,
        "quantity": "1",
        "multiplier": "100",
        **({"entry_price": legs[0]["entry_price"]} if len(legs) == 1 else {}),
        "entry_time": ENTRY_TIME,
        "price_provenance": "BROKER_FILL" if kind == "REAL" else "OWN_FEED_QUOTE",
        "entry_quotes": {each["instrument"]: touched(each, changes.get("entry_time", ENTRY_TIME)) for each in legs},
    } | changes


def touched(each: dict[str, Any], quote_time: str = ENTRY_TIME) -> dict[str, Any]:
    """A quote at whose touch the leg is opened."""
    return quote(each.get("entry_price"), each.get("entry_price"), quote_time)


def quote(bid: str | None = "1.31", ask: str | None = "1.37", quote_time: str = EXIT_TIME) -> dict[str, Any]:
    return {"bid": bid, "ask": ask, "quote_time": quote_time}


def now(seconds: float = 0) -> str:
    """This many seconds from now, for what is judged by our clock."""
    return format_timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def neutral_quote(instrument: str, bid: str, ask: str, quote_time: str = EXIT_TIME) -> None:
    """Store a quote of the neutral feed; it has no key, so nobody waits for more of them."""
    store_quotes("feed", [PushedQuote(instrument, Decimal(bid), Decimal(ask), parse_instant(quote_time))])


# What our clock has stamped; the times of the market are the engines' to tell.
STAMPS = {
    "signal_distributions": ("distributed_at",),
    "halts": ("engaged_at", "released_at"),
    "recommendations": ("recommended_at", "permit_expires_at"),
    "permits": ("revealed_at", "expires_at", "confirmed_at"),
    "real_trades": ("opened_at", "closed_at"),
    "shadow_trades": ("opened_at", "closed_at", "entry_due_at"),
    "trade_fills": ("reported_at",),
    "exit_directives": ("issued_at", "due_at", "tried_at", "expires_at"),
    "own_exits": ("reported_at", "due_at"),
    "quotes": ("received_at",),
}


def let_time_pass(*, seconds: float) -> None:
    """Move everything that our clock has stamped into the past, by the triggers that keep it."""
    execute("SET session_replication_role = replica")
    for table, columns in STAMPS.items():
        moved = ", ".join(f"{name} = {name} - make_interval(secs => {seconds})" for name in columns)
        execute(f"UPDATE {table} SET {moved}")
    execute("SET session_replication_role = DEFAULT")


def last_amendment() -> int:
    """The number of the amendment proposed last, which operators are told and engines are not."""
    return TradeAmendment.objects.latest("id").pk


def violations() -> set[tuple[str, str]]:
    """Who broke which rule."""
    return set(Violation.objects.values_list("engine", "name"))


def real_exit(**changes: Any) -> dict[str, Any]:
    return {
        "exit_time": EXIT_TIME,
        "exit_price": "1.99",
        "exit_reason": "TAKE_PROFIT",
        "market_conditions": {"underlying": {"symbol": "TWX", "last": "71.51"}, "quotes": {}},
    } | changes


@dataclass(frozen=True)
class Answer:
    """What a call came back with."""

    status: int
    body: Any

    @property
    def code(self) -> str:
        """The error's code; "" for a good answer."""
        return str(self.body.get("code", ""))


@dataclass
class EngineClient:
    """One engine as seen from outside; every call goes through the API with the engine's own key."""

    name: str
    client: APIClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = api_client(f"engine-{self.name.lower()}")

    def post(self, path: str, body: Any) -> Answer:
        response = self.client.post(f"/api/v1/{path}", body, format="json")
        return Answer(response.status_code, response.json())

    def post_text(self, path: str, text: str) -> Answer:
        response = self.client.generic("POST", f"/api/v1/{path}", text, content_type="application/json")
        return Answer(response.status_code, response.json())

    def get(self, path: str) -> Answer:
        response = self.client.get(f"/api/v1/{path}")
        return Answer(response.status_code, response.json())

    def recommend(self, experiment: Experiment, **changes: Any) -> Answer:
        return self.post("recommendations", recommendation(experiment, **changes))

    def confirm(self, experiment: Experiment) -> Answer:
        return self.post(f"permits/{experiment.pk}/confirm", {})

    def open(self, experiment: Experiment, kind: str = "REAL", **changes: Any) -> Answer:
        return self.post("trades", trade(experiment, kind, **changes))

    def close(self, trade_id: str | UUID, **changes: Any) -> Answer:
        return self.post(f"trades/{trade_id}/exit", real_exit(**changes))

    def pending(self) -> list[dict[str, Any]]:
        directives: list[dict[str, Any]] = self.get("exit-directives").body["exit_directives"]
        return directives

    def report(self, directive_id: str, **body: Any) -> Answer:
        return self.post(f"exit-directives/{directive_id}/report", body)


@dataclass
class Desk:
    """Two engines that have both recommended to open one experiment, in which A trades for real."""

    experiment: Experiment
    a: EngineClient
    b: EngineClient

    def open_real(self, **changes: Any) -> str:
        """A's real trade, its permit confirmed as its order goes out."""
        confirmed = self.a.confirm(self.experiment)
        assert confirmed.status == 200, confirmed.body
        answer = self.a.open(self.experiment, "REAL", **changes)
        assert answer.status == 201, answer.body
        trade_id: str = answer.body["trade_id"]
        return trade_id

    def open_shadow(self, **changes: Any) -> str:
        legs = changes.pop("legs", [leg(C72_5_JULY, entry_price="0.98")])
        answer = self.b.open(self.experiment, "SHADOW", legs=legs, **changes)
        assert answer.status == 201, answer.body
        trade_id: str = answer.body["trade_id"]
        return trade_id

    def leave_by_its_own_rules(self, shadow_id: str, **changes: Any) -> Answer:
        """B's own exit an hour before the real one, at its own quote."""
        own = {
            "exit_time": OWN_TIME,
            "exit_price": "1.20",
            "exit_reason": "TIME_LIMIT",
            "market_conditions": {"quotes": {C72_5_JULY: quote("1.20", "1.26", OWN_TIME)}},
        }
        return self.b.close(shadow_id, **(own | changes))


def make_desk(
    executed: str | None = "A",
    *,
    recommended: bool = True,
    policy: dict[str, Any] | None = None,
    plan_a: dict[str, Any] | None = None,
    plan_b: dict[str, Any] | None = None,
    **signal: Any,
) -> Desk:
    """Return both engines on a new experiment, with their recommendations unless told otherwise.

    A plans the call at 70, B the July call at 72.50. The schedule is free unless the policy says what it charges.
    """
    signal = {
        "replayed": True,
        "timeframe": "1d",
        "timestamp": SIGNAL_TIME + timedelta(microseconds=next(_microseconds)),
    } | signal
    policy = {"fee_per_contract": "0"} | (policy or {})
    desk = Desk(make_experiment(executed, policy=policy, **signal), EngineClient("A"), EngineClient("B"))
    if recommended:
        for engine, planned in ((desk.a, plan_a or plan()), (desk.b, plan_b or plan(leg(C72_5_JULY)))):
            answer = engine.recommend(desk.experiment, plan=planned)
            assert answer.status == 201, answer.body
    return desk


def live_desk(executed: str | None = "A", *, ago: float = 5, **options: Any) -> Desk:
    """Both engines, so many seconds after they answered a live signal, whose trades are judged by our clock."""
    desk = make_desk(executed, replayed=False, timeframe="5m", timestamp=datetime.now(UTC), **options)
    let_time_pass(seconds=ago)
    return desk
