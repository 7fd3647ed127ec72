"""An engine that lies where it hopes to gain by it, and the market, fallen from a peak, in which it tries.

It is a twin of an honest engine: the same plan at the same quotes. What it makes by a lie is held against what the
honest one makes of the same signal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from experiments.models import ExecutionDecision
from kernel.values import format_timestamp
from outcomes import services
from outcomes.core.evaluation import NEUTRAL, SYNCHRONISED
from outcomes.core.values import Record, Side, difference
from outcomes.models import RealTrade, ShadowTrade
from outcomes.services.case import database_time
from outcomes.standings import read_pairs
from tests.acceptance.twin_steps import Step
from tests.acceptance.twin_table import Table, dress
from tests.acceptance.twins import C100, C105, LATER, Crash, Leg, Market, Position, Twin
from tests.factories import api_client, make_policy, make_source
from tests.outcomes.desk import let_time_pass

# Bid and ask at the opening, at the peak and at the end.
PEAKED = {
    C100: (("1.95", "2.00"), ("5.00", "5.10"), ("0.90", "1.00")),
    C105: (("0.40", "0.45"), ("2.00", "2.10"), ("0.10", "0.15")),
    LATER: (("4.00", "4.20"), ("7.00", "7.20"), ("2.50", "2.70")),
    "XYZ": (("101.00", "101.02"), ("105.00", "105.02"), ("99.00", "99.02")),
}
NOTHING = Side("DECLINED")


class Peaked(Market):
    """A market in which everybody who waits has seen the best moment to leave go by."""

    @property
    def peak(self) -> str:
        """When it stood highest, as an engine writes it."""
        return format_timestamp(self._peak)

    def move(self, phase: int) -> None:
        super().move(phase)
        if phase == 1:
            self._peak = self.moment

    def quote(self, instrument: str) -> dict[str, str]:
        bid, ask = PEAKED[instrument][self.phase]
        return {"bid": bid, "ask": ask, "quote_time": format_timestamp(self.moment)}

    def price(self, instrument: str, *, sells: bool) -> str:
        return PEAKED[instrument][self.phase][0 if sells else 1]


class Risen(Peaked):
    """A market that stays at its peak."""

    def move(self, phase: int) -> None:
        super().move(min(phase, 1))


class Fallen(Peaked):
    """A market that only falls."""

    def move(self, phase: int) -> None:
        super().move(2 if phase else 0)


@dataclass(frozen=True)
class Lie:
    """What it sends at one of its calls: instead of the truth, which follows when the lie is refused, or before it."""

    at: str  # claim, answer, confirm, open, fill, exit or follow
    tell: Callable[[Hostile, dict[str, Any]], Any]  # from the true body: a body, or (path, body) for another call
    instead: bool = True


@dataclass
class Hostile(Twin):
    """The twin that lies."""

    lies: list[Lie] = field(default_factory=list)
    silent_at: str = ""  # the call from which on it is not heard of any more
    codes: list[str] = field(default_factory=list)  # what its lies were answered: a code, or "" where they were taken

    @property
    def position(self) -> Position:
        """Of its only experiment."""
        (found,) = self.positions
        return found

    def ago(self, **since: float) -> str:
        return format_timestamp(self.market.now() - timedelta(**since))

    def opening_of(self, kind: str) -> dict[str, Any]:
        """An opening in a role of its own choice."""
        return self._opening(replace(self.position, role=kind))

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        step = _step(path)
        if step and step == self.silent_at:
            self.restarts = False
            raise Crash
        for lie in [lie for lie in self.lies if lie.at == step]:
            self.lies.remove(lie)
            told = lie.tell(self, body)
            answer = self.try_call(*(told if isinstance(told, tuple) else (path, told)))
            if lie.instead and not self.codes[-1]:
                return answer
        if not self.codes:
            return super()._post(path, body)
        # Where a lie has been believed, the truth may be refused: then it gives up.
        answer = self.try_call(path, body)
        if self.codes[-1]:
            self.restarts = False
            raise Crash
        return answer

    def try_call(self, path: str, body: Any) -> dict[str, Any]:
        """Send what may be refused, and note the answer."""
        response = self.client.post(f"/api/v1/{path}", body, format="json")
        answer: dict[str, Any] = response.json()
        self.codes.append("" if response.status_code < 300 else answer["code"])
        return answer


def _step(path: str) -> str:
    """What a call is for."""
    first, *_, last = path.split("/") * 2
    named = {"assignments": "claim", "recommendations": "answer", "permits": "confirm", "exit-directives": "follow"}
    return named.get(first) or {"exit": "exit", "fills": "fill", "trades": "open"}.get(last, "")


def wait(_twin: Twin, _position: Position) -> None:
    """Let the peak go by."""


@dataclass(frozen=True)
class Game:
    """One signal, played by the hostile engine, A, and an honest one, B."""

    role: str  # of the hostile engine: REAL, SHADOW or NOBODY
    steps: tuple[Step, ...]
    lies: tuple[Lie, ...] = ()
    silent_at: str = ""
    legs: tuple[Leg, ...] = ((C100, "LONG"),)
    feeder: bool = True
    replayed: bool = False
    estimand: str = SYNCHRONISED
    patience: float = 0  # seconds between the peak and the end; for lies about what is long past
    policy: Mapping[str, Any] = field(default_factory=dict)
    looks_first: bool = False  # it does not take up its work before the market has moved
    market: type[Peaked] = Peaked

    def play(self) -> Hostile:
        """Play it to the end, over the API and by the real clock."""
        executed = {"REAL": "ENGINE_A_PRIMARY", "SHADOW": "ENGINE_B_PRIMARY", "NOBODY": "SHADOW_ONLY"}[self.role]
        make_source(replay=self.replayed, max_age_seconds=0 if self.replayed else 300)
        market = self.market(self.replayed)
        hostile = Hostile("A", market, lies=list(self.lies), silent_at=self.silent_at)
        table = Table(market, hostile, Twin("B", market), api_client("feeder") if self.feeder else None)
        # What is past counts as past after these seconds, so that no test has to wait for a minute.
        short = dict.fromkeys(("report_delay_seconds", "max_quote_age_seconds"), 3) if self.patience else {}
        make_policy(configured_mode=executed, fee_per_contract="0.65", **short | dict(self.policy))
        dress(table, self.legs, "1")
        table.signal({{"REAL": "A", "SHADOW": "B", "NOBODY": None}[self.role]})
        if self.looks_first:
            table.enter(table.b)
            table.market.move(1)
            table.quote()
            if self.market is Risen:
                hostile.enter()
                table.market.move(1)
                table.quote()
                services.settle_due()
        else:
            table.enter()
        for step in self.steps:
            table.take(step, 1 if step is wait else 2)
            time.sleep(self.patience if step is wait else 0)
        # Permits end, own exits are priced, and real prices checked against quotes from after them.
        let_time_pass(seconds=2000)
        services.settle_due()
        return hostile


def sides(estimand: str = SYNCHRONISED) -> tuple[Side, Side]:
    """Where the hostile and the honest engine stand in an evaluation that takes neutral prices alone."""
    decision = ExecutionDecision.objects.get()
    (pair,) = read_pairs([decision.pk], estimand=estimand, prices=NEUTRAL, now=database_time())
    return pair.a.side, pair.b.side


def worth(side: Side) -> Decimal:
    """What a side is worth at its worst, in R."""
    return difference(side, NOTHING, metric="R", record_a=Record(), record_b=Record()).low


def gain(hostile: Side, honest: Side) -> Decimal:
    """By how much the hostile engine can be said to be better, in R: what is missing is taken at its worst for it."""
    return difference(hostile, honest, metric="R", record_a=Record(), record_b=Record()).low


def trade_of_the_hostile() -> RealTrade | ShadowTrade | None:
    return RealTrade.objects.filter(engine="A").first() or ShadowTrade.objects.filter(engine="A").first()
