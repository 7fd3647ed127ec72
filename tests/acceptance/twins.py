"""Two engines with the same code, the feeder and the market that all of them see: what the twins' test is played with.

Everything goes over HTTP and through the real worker; the clock is the real one. The market changes only from phase to
phase, so that within the opening both engines meet the same quotes however slow one of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from rest_framework.test import APIClient

from kernel.values import format_timestamp
from tests.factories import api_client

# The twins' contracts end on the day of the test, so that they can be settled as well as traded.
NEW_YORK = ZoneInfo("America/New_York")
TODAY = datetime.now(NEW_YORK).date()
# Where a replay begins: its contracts end on its day, too.
MIDNIGHT = datetime.combine(TODAY, datetime.min.time(), NEW_YORK).astimezone(UTC)
C100, C105 = f"XYZ   {TODAY:%y%m%d}C00100000", f"XYZ   {TODAY:%y%m%d}C00105000"
LATER = f"XYZ   {TODAY + timedelta(days=30):%y%m%d}C00100000"
# Bid and ask in each phase: the opening, and two later ones. What ends is settled by the underlying of the last.
QUOTES = {
    C100: (("1.95", "2.00"), ("2.45", "2.55"), ("3.10", "3.30")),
    C105: (("0.40", "0.45"), ("0.60", "0.70"), ("1.00", "1.15")),
    LATER: (("4.00", "4.20"), ("4.90", "5.10"), ("6.00", "6.20")),
    "XYZ": (("101.00", "101.02"), ("102.00", "102.02"), ("103.00", "103.02")),
}
RULES_HASH = "a" * 64
CLAIMED_AT_ONCE = 20
Leg = tuple[str, Literal["LONG", "SHORT"]]
CALL: tuple[Leg, ...] = ((C100, "LONG"),)
SPREAD: tuple[Leg, ...] = ((C100, "LONG"), (C105, "SHORT"))


class Crash(Exception):  # noqa: N818 (of an engine; nothing is wrong with the orchestrator)
    """The engine's process ends: the call has gone out, its answer is never read."""


@dataclass
class Market:
    """What everybody sees; `moment` is the time of the latest quotes: of our clock, or of the replay's own."""

    replayed: bool = False
    phase: int = 0
    moment: datetime = MIDNIGHT

    def __post_init__(self) -> None:
        self.wait()

    def now(self) -> datetime:
        """The time by the clock that reports are judged by."""
        return self.moment if self.replayed else datetime.now(UTC)

    def wait(self) -> None:
        """Let a moment pass; the quotes stand."""
        self.moment = self.moment + timedelta(seconds=1) if self.replayed else datetime.now(UTC)

    def move(self, phase: int) -> None:
        """Go on to a phase: from now on its quotes stand."""
        self.phase = phase
        self.wait()

    def quote(self, instrument: str) -> dict[str, str]:
        bid, ask = QUOTES[instrument][self.phase]
        return {"bid": bid, "ask": ask, "quote_time": format_timestamp(self.moment)}

    def price(self, instrument: str, *, sells: bool) -> str:
        return QUOTES[instrument][self.phase][0 if sells else 1]


@dataclass
class Position:
    """What an engine remembers of one experiment, as if in a journal: each body that it has sent, by step."""

    experiment_id: str
    sent: dict[str, Any] = field(default_factory=dict)
    role: str = ""
    trade_id: str = ""
    opened: tuple[Leg, ...] = ()
    left: Decimal = Decimal(0)


@dataclass
class Twin:
    """One engine. What may differ between twins is size, broker and speed, and when one of them crashes."""

    name: str
    market: Market
    legs: tuple[Leg, ...] = CALL
    quantity: Decimal = Decimal(1)
    broker_fees: str = "0"  # of each real fill; negative for a rebate
    quotes_the_other: bool = False  # in the conditions of its real exits
    first_fill: Decimal = Decimal(1)  # how much of its size a real order gets at once; the rest comes in a second fill
    leg_by_leg: bool = False
    crash_at: int = 0  # the number of the call that it does not survive; 0: none
    restarts: bool = True
    calls: int = 0
    is_dead: bool = False
    positions: list[Position] = field(default_factory=list)
    client: APIClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = api_client(f"engine-{self.name.lower()}")
        self._post("heartbeat", {"engine_version": "1", "rules_hash": RULES_HASH})
        self.calls = 0

    def enter(self) -> None:
        """Take what is there, recommend blind, and open in the role that the answer reveals."""
        self._live(self._enter)

    def step(self, action: Callable[[Twin, Position], None]) -> None:
        """Do the same with every position."""

        def work() -> None:
            for position in self.positions:
                if position.trade_id:
                    action(self, position)

        self._live(work)

    def follow(self) -> None:
        """Answer the directives that nobody else's quotes could price."""
        self._live(self._follow)

    def _live(self, work: Callable[[], object]) -> None:
        """Work, unless dead; after a crash with the journal alone, sending again whatever may not have arrived."""
        if self.is_dead:
            return
        try:
            work()
        except Crash:
            self.is_dead = not self.restarts
            self._live(work)

    def _enter(self) -> None:
        # A claim whose answer was lost can be had again when its lease is over.
        patience = 3 if self.crash_at and not self.positions else 0
        waiting = {"limit": CLAIMED_AT_ONCE, "lease_seconds": 1, "wait_seconds": patience}
        known = {position.experiment_id for position in self.positions}
        for assignment in self._post("assignments/claim", waiting)["assignments"]:
            if assignment["experiment_id"] not in known:
                self.positions.append(Position(assignment["experiment_id"], {"assignment": assignment}))
        for position in self.positions:
            if not position.trade_id:
                self._open(position)

    def _follow(self) -> None:
        for directive in self.client.get("/api/v1/exit-directives").json()["exit_directives"]:
            quotes = {name: self.market.quote(name) for name in directive["instruments"]}
            self._post(f"exit-directives/{directive['id']}/report", {"quotes": quotes})

    def _open(self, position: Position) -> None:
        assignment = position.sent["assignment"]
        plan = {
            "legs": [{"instrument": instrument, "side": side, "ratio": 1} for instrument, side in self.legs],
            "quantity": str(self.quantity),
            "multiplier": "100",
            "currency": "USD",
            "risk_amount": "200",
        }
        answer = self.once(
            position,
            "recommend",
            "recommendations",
            lambda: {
                "experiment_id": position.experiment_id,
                "context_hash": assignment["context_hash"],
                "action": "OPEN",
                "strategy_version": "1",
                "rules_hash": RULES_HASH,
                "plan": plan,
                "recommendation": {"why": "twins"},
            },
        )
        position.role = answer["role"]
        if position.role == "REAL":
            self.once(position, "confirm", f"permits/{position.experiment_id}/confirm", dict)
        opened = self.once(position, "open", "trades", lambda: self._opening(position))
        position.trade_id, position.opened, position.left = opened["trade_id"], self.legs, self.quantity
        if position.role == "REAL" and (self.leg_by_leg or self.first_fill < 1):
            later = self.legs[1:] if self.leg_by_leg else self.legs
            quantity = self.quantity if self.leg_by_leg else self.quantity * (1 - self.first_fill)
            self.market.wait()
            self.fill(position, "more", [self.execution(name, "OPEN", side, quantity) for name, side in later])

    def _opening(self, position: Position) -> dict[str, Any]:
        legs = [
            {
                "instrument": name,
                "side": side,
                "ratio": 1,
                "entry_price": self.market.price(name, sells=side == "SHORT"),
            }
            for name, side in self.legs
        ]
        real = position.role == "REAL"
        return {
            "experiment_id": position.experiment_id,
            "kind": position.role,
            "legs": legs[:1] if real and self.leg_by_leg else legs,
            "quantity": str(self.quantity * self.first_fill if real else self.quantity),
            "multiplier": "100",
            "entry_time": format_timestamp(self.market.now()),
            "fees": self.broker_fees,
            "price_provenance": "BROKER_FILL" if real else "OWN_FEED_QUOTE",
            "entry_quotes": {name: self.market.quote(name) for name, _ in self.legs},
        }

    def once(self, position: Position, name: str, path: str, body: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Send a body that the journal has, or write it there first: after a crash the same one goes out again."""
        if name not in position.sent:
            position.sent[name] = body()
        return self._post(path, position.sent[name])

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        response = self.client.post(f"/api/v1/{path}", body, format="json")
        self.calls += 1
        if self.calls == self.crash_at:
            raise Crash
        assert response.status_code < 300, (self.name, path, response.content)
        answer: dict[str, Any] = response.json()
        return answer

    def conditions(self, position: Position, **more: Any) -> dict[str, Any]:
        """What it sees when it leaves; a shadow always quotes itself."""
        quoted = position.opened if self.quotes_the_other or position.role == "SHADOW" else ()
        return {"quotes": {name: self.market.quote(name) for name, _ in quoted}} | more

    def fill(self, position: Position, ref: str, executions: list[dict[str, Any]]) -> None:
        """Report a fill of real money."""
        self.once(
            position,
            ref,
            f"trades/{position.trade_id}/fills",
            lambda: {
                "fill_ref": ref,
                "time": format_timestamp(self.market.moment),
                "legs": executions,
                "fees": self.broker_fees,
                "market_conditions": self.conditions(position),
            },
        )

    def execution(self, name: str, effect: str, side: str, quantity: Decimal) -> dict[str, Any]:
        """One execution at the touch."""
        price = self.market.price(name, sells=(effect == "OPEN") == (side == "SHORT"))
        return {"instrument": name, "effect": effect, "side": side, "quantity": f"{quantity:f}", "price": price}
