"""What both example engines do with the API; only their strategies differ.

For every assignment: check the context's hash, decide blind, recommend, open the trade in the role that
the answer reveals. With every later bar of a symbol: look whether a position must be left. A real
position is left at once; a shadow follows the real trade, so its directives are answered with the
engine's own quotes, and its own exit counts only where there is no real trade to follow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Event
from typing import Any

from bars import Bar
from journal import Journal
from option_model import Contract, quote
from orchestrator_client import (
    Assignment,
    ExitDirective,
    OrchestratorClient,
    OrchestratorError,
    document_hash,
    verify_context_hash,
)
from positions import ExitRule, Position, Verdict, bid_at, first_exit

log = logging.getLogger("engine")

FEES = Decimal("0.65")  # a contract, each way
MULTIPLIER = 100
# Short, so that exit directives are answered soon; a claim that finds work returns at once.
WAIT_SECONDS = 1.0
LIMIT = 20


@dataclass(frozen=True, slots=True)
class Strategy:
    """What makes one engine differ from another."""

    engine: str
    version: str
    parameters: dict[str, Any]
    decide: Callable[[Bar], Verdict]
    leave: ExitRule
    quotes_the_other_contract: bool  # whether its feed covers the other engine's contracts as well

    @property
    def rules_hash(self) -> str:
        """The hash of the rules, as registered with every heartbeat."""
        return document_hash({"version": self.version, "parameters": self.parameters})


class EngineLoop:
    """One engine at work."""

    def __init__(self, client: OrchestratorClient, strategy: Strategy, journal: Journal) -> None:
        self._client, self._strategy, self._journal = client, strategy, journal
        self._bars: dict[str, dict[datetime, Bar]] = {}
        self._positions: dict[str, Position] = {}

    def run(self, stop: Event) -> None:
        """Work until asked to stop; what is open stays open and is restored from the journal."""
        self.recover()
        while not stop.is_set():
            if not self.work_once(WAIT_SECONDS):
                self.leave_open_positions()
        log.info("stopped with %d positions open", len(self._positions))

    def recover(self) -> None:
        """Restore what the journal holds, by repeating the calls of every trade not known closed."""
        closed = self._journal.closed()
        for assignment in self._journal.assignments():
            bar, verdict = self._judge(assignment["market_context"])
            if verdict.contract is not None and assignment["experiment_id"] not in closed:
                self._take_up(assignment, bar, verdict)
        if self._positions:
            log.info("restored %d positions from the journal", len(self._positions))

    def work_once(self, wait_seconds: float) -> int:
        """Claim work, do it, answer exit directives; return how many assignments there were."""
        assignments = self._client.claim(limit=LIMIT, lease_seconds=60, wait_seconds=wait_seconds)
        for assignment in assignments:
            self.handle(assignment)
        for directive in self._client.exit_directives():
            self._follow(directive)
        return len(assignments)

    def handle(self, assignment: Assignment) -> None:
        """Answer one assignment, then leave the real positions of its symbol that its bar ends.

        Shadows can wait until there is nothing else to do: most of them the real trade's exit closes.
        """
        verify_context_hash(assignment)
        self._journal.note_assignment(dict(assignment))
        bar, verdict = self._judge(assignment["market_context"])
        self._answer(assignment, bar, verdict)
        if bar is not None:
            held = [position for position in self._positions.values() if position.symbol == bar.symbol]
            self._leave_ended([position for position in held if position.kind == "REAL"])

    def leave_open_positions(self) -> None:
        """Leave every position that the exit rule ends, shadows included."""
        self._leave_ended(list(self._positions.values()))

    def _leave_ended(self, positions: list[Position]) -> None:
        """Leave those of the positions that the exit rule ends."""
        for position in positions:
            bars = self._bars.get(position.symbol, {}).values()
            if (end := first_exit(position, bars, self._strategy.leave)) is not None:
                self._leave(position, *end)

    def _judge(self, context: dict[str, Any]) -> tuple[Bar | None, Verdict]:
        """The context's bar and what the strategy makes of it; remember the bar for later exits."""
        bar = None
        try:
            bar = Bar.from_context(context)
            self._bars.setdefault(bar.symbol, {})[bar.timestamp] = bar
            verdict = self._strategy.decide(bar)
        except ValueError as error:
            verdict = Verdict(None, [f"cannot be priced: {error}"])
        return bar, verdict

    def _take_up(self, assignment: dict[str, Any], bar: Bar | None, verdict: Verdict) -> None:
        try:
            self._answer(assignment, bar, verdict)
        except OrchestratorError as error:
            if error.code != "not_found":
                raise
            log.warning("the journal is of another database: %s is unknown", assignment["experiment_id"])

    def _answer(self, assignment: Assignment | dict[str, Any], bar: Bar | None, verdict: Verdict) -> None:
        """Recommend, learn the role, open the trade in it."""
        role = self._client.recommend(
            experiment_id=assignment["experiment_id"],
            context_hash=assignment["context_hash"],
            action=verdict.action,
            strategy_version=self._strategy.version,
            rules_hash=self._strategy.rules_hash,
            recommendation=verdict.document(),
        )
        signal = assignment["market_context"]["signal"]
        what = f"{role['action']} {signal['symbol']} {signal['direction']} {signal['timestamp']}"
        log.info("%s: %s; %s", what, "; ".join(verdict.reasons), role["role"])
        if verdict.contract is None or bar is None:
            return
        entry_price = quote(verdict.contract, bar.close, bar.volatility, bar.timestamp).ask
        trade = self._client.open_trade(
            experiment_id=assignment["experiment_id"],
            kind=role["role"],
            legs=[{"instrument": str(verdict.contract), "side": "LONG", "ratio": 1, "entry_price": str(entry_price)}],
            quantity=1,
            multiplier=MULTIPLIER,
            entry_price=entry_price,
            entry_time=bar.timestamp,
            price_provenance="MODEL",
            fees=FEES,
        )
        log.info("opened %s %s at %s", trade["kind"], verdict.contract, entry_price)
        self._positions[assignment["experiment_id"]] = Position(
            experiment_id=assignment["experiment_id"],
            trade_id=trade["trade_id"],
            kind=role["role"],
            symbol=bar.symbol,
            direction=bar.direction,
            contract=verdict.contract,
            entry_price=entry_price,
            entry_time=bar.timestamp,
        )

    def _leave(self, position: Position, bar: Bar, reason: str) -> None:
        """Report the exit of a position, with what the engine saw; a shadow may have to wait for the real one."""
        others: list[str] = []
        if position.kind == "SHADOW" or self._strategy.quotes_the_other_contract:
            trade = self._client.trade(position.trade_id)
            if trade["status"] != "OPEN":  # a shadow that the real trade's exit has closed
                self._forget(position, trade["exit_reason"], trade["pnl"])
                return
            others = trade["snapshot_instruments"]
        try:
            trade = self._client.exit_trade(
                position.trade_id,
                exit_time=bar.timestamp,
                exit_price=bid_at(position.contract, bar),
                exit_reason=reason,
                fees=FEES,
                market_conditions=conditions(bar, [str(position.contract), *others]),
            )
        except OrchestratorError as error:
            if error.code != "shadow_follows_real":
                raise
            return
        self._forget(position, reason, trade["pnl"])

    def _follow(self, directive: ExitDirective) -> None:
        """Close a shadow as of the real exit's time, at the engine's own quote then."""
        position = self._positions.get(directive["experiment_id"])
        exit_time = datetime.fromisoformat(directive["exit_time"])
        bar = self._bars.get(position.symbol, {}).get(exit_time) if position is not None else None
        if position is None or bar is None:
            return  # This engine has not seen that bar yet; the directive stays.
        quotes = conditions(bar, directive["instruments"])["quotes"]
        settled = self._client.report_directive(directive["id"], quotes=quotes, fees=FEES)
        self._forget(position, settled["trade"]["exit_reason"], settled["trade"]["pnl"])

    def _forget(self, position: Position, reason: str, pnl: str | None) -> None:
        log.info("closed %s %s: %s, P&L %s", position.kind, position.contract, reason, pnl)
        self._journal.note_closed(position.experiment_id)
        del self._positions[position.experiment_id]


def conditions(bar: Bar, instruments: list[str]) -> dict[str, Any]:
    """What the engine sees at a bar: the underlying and the model's quotes of these contracts."""
    quotes = {}
    for instrument in instruments:
        seen = quote(Contract.parse(instrument), bar.close, bar.volatility, bar.timestamp)
        quotes[instrument] = {"bid": str(seen.bid), "ask": str(seen.ask), "quote_time": bar.timestamp.isoformat()}
    return {
        "underlying": {"symbol": bar.symbol, "last": str(bar.close)},
        "quotes": quotes,
        "model": {"name": "Black-Scholes", "volatility": bar.volatility},
    }
