"""What both example engines do with the API; only their strategies differ.

For every assignment: check the context's hash, decide and plan blind, recommend, open the trade in the role that the
answer reveals; a real one once its permit is confirmed. With every later bar of a symbol: look what the rules close. Of
a real position a part or the rest is closed at once. A shadow follows the real trade without its engine's doing, unless
nobody else quotes it: then its directives are answered with the engine's own quotes. When its own rules would leave,
the engine reports that, too.
"""

from __future__ import annotations

import logging
from datetime import datetime
from decimal import Decimal
from threading import Event
from typing import Any

from bars import Bar, Tape
from journal import Journal
from option_model import Contract, quote
from orchestrator_client import (
    Assignment,
    ExitDirective,
    FillLeg,
    OrchestratorClient,
    OrchestratorError,
    Plan,
    Trade,
    verify_context_hash,
)
from positions import Closing, Position, Strategy, Verdict, bid_at, closings
from snapshot import conditions, quotes

log = logging.getLogger("engine")

FEES = Decimal("0.65")  # a contract, each way
MULTIPLIER = 100
CURRENCY = "USD"
# Short, so that exit directives are answered soon; a claim that finds work returns at once.
WAIT_SECONDS = 1.0
LIMIT = 20


class EngineLoop:
    """One engine at work."""

    def __init__(
        self, client: OrchestratorClient, strategy: Strategy, journal: Journal, tape: Tape | None = None
    ) -> None:
        self._client, self._strategy, self._journal = client, strategy, journal
        self._tape = tape or Tape()
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
        """Answer one assignment, then close what the market has ended of the real positions by then.

        The own exits of shadows can wait until there is nothing else to do: they move nobody's money.
        """
        verify_context_hash(assignment)
        self._journal.note_assignment(dict(assignment))
        bar, verdict = self._judge(assignment["market_context"])
        self._take_up(assignment, bar, verdict)
        if bar is not None:
            self._close([position for position in self._positions.values() if position.kind == "REAL"])

    def leave_open_positions(self) -> None:
        """Close what the rules close of every position, shadows included."""
        self._close(list(self._positions.values()))

    def _judge(self, context: dict[str, Any]) -> tuple[Bar | None, Verdict]:
        """The context's bar and what the strategy makes of it; remember the bar for later exits."""
        bar = None
        try:
            bar = Bar.from_context(context)
            self._tape.add(bar)
            verdict = self._strategy.decide(bar)
        except ValueError as error:
            verdict = Verdict(None, [f"cannot be priced: {error}"])
        return bar, verdict

    def _take_up(self, assignment: Assignment | dict[str, Any], bar: Bar | None, verdict: Verdict) -> None:
        try:
            self._answer(assignment, bar, verdict)
        except OrchestratorError as error:
            # Of another database, or another worker's by now.
            if error.code not in ("not_found", "lease_lost"):
                raise
            log.warning("left alone: %s: %s", assignment["experiment_id"], error.code)

    def _answer(self, assignment: Assignment | dict[str, Any], bar: Bar | None, verdict: Verdict) -> None:
        """Recommend what to trade, learn the role, open the trade in it as planned."""
        contract, quantity = verdict.contract, self._strategy.quantity
        plan: Plan | None = None
        ask = Decimal(0)
        if contract is not None and bar is not None:
            ask = quote(contract, bar.close, bar.volatility, bar.timestamp).ask
            plan = {
                "legs": [{"instrument": str(contract), "side": "LONG", "ratio": 1}],
                "quantity": str(quantity),
                "multiplier": str(MULTIPLIER),
                "currency": CURRENCY,
                "risk_amount": str(ask * quantity * MULTIPLIER),
            }
        role = self._client.recommend(
            experiment_id=assignment["experiment_id"],
            context_hash=assignment["context_hash"],
            action=verdict.action,
            strategy_version=self._strategy.version,
            rules_hash=self._strategy.rules_hash,
            plan=plan,
            recommendation=verdict.document(),
            lease_token=assignment.get("lease_token"),
        )
        signal = assignment["market_context"]["signal"]
        what = f"{role['action']} {signal['symbol']} {signal['direction']} {signal['timestamp']}"
        log.info("%s: %s; %s", what, "; ".join(verdict.reasons), role["role"])
        if contract is None or bar is None:
            return
        if role["role"] == "REAL" and not self._may_order(assignment["experiment_id"]):
            return
        trade = self._client.open_trade(
            experiment_id=assignment["experiment_id"],
            kind=role["role"],
            legs=[{"instrument": str(contract), "side": "LONG", "ratio": 1, "entry_price": str(ask)}],
            quantity=quantity,
            multiplier=MULTIPLIER,
            entry_price=ask,
            entry_time=bar.timestamp,
            # A paper broker fills real orders at the touch; a shadow has nothing but the model.
            price_provenance="BROKER_FILL" if role["role"] == "REAL" else "MODEL",
            fees=FEES * quantity,
            entry_quotes=quotes(bar, [str(contract)], bar.timestamp),
        )
        log.info("opened %s %d %s at %s", trade["kind"], quantity, contract, ask)
        self._positions[assignment["experiment_id"]] = Position(
            experiment_id=assignment["experiment_id"],
            trade_id=trade["trade_id"],
            kind=role["role"],
            symbol=bar.symbol,
            direction=bar.direction,
            contract=contract,
            quantity=quantity,
            entry_price=ask,
            entry_time=bar.timestamp,
        )

    def _may_order(self, experiment_id: str) -> bool:
        """Whether a real order may go out now: trading may have been halted since the role was revealed."""
        # The order of an earlier run is out, whatever became of its permit since.
        if experiment_id in self._journal.ordered():
            return True
        try:
            self._client.confirm_permit(experiment_id)
        except OrchestratorError as error:
            if error.code not in ("halted", "permit_expired"):
                raise
            log.warning("no order for %s: %s", experiment_id, error.code)
            return False
        self._journal.note_ordered(experiment_id)
        return True

    def _close(self, positions: list[Position]) -> None:
        """Report what the rules have closed of the positions, and has not been reported yet."""
        for position in positions:
            found = closings(position, self._tape, self._strategy)
            if not found:
                continue
            # What has arrived is asked and not remembered: an answer can be lost, and the engine restarted.
            trade = self._client.trade(position.trade_id)
            told = {fill["fill_ref"] for fill in trade["fills"]}
            for closing in found:
                if position.kind == "REAL" and trade["status"] == "OPEN":
                    trade = self._close_real(position, trade, closing, told)
                elif closing.is_last and position.kind == "SHADOW" and trade["own_exit"] is None:
                    # A shadow is left at one moment, whole; parts follow the real trade.
                    trade = self._exit(position, closing, [])
            if found[-1].is_last:
                log.info("closed %s %s: %s", position.kind, position.contract, found[-1].reason)
                self._journal.note_closed(position.experiment_id)
                del self._positions[position.experiment_id]

    def _close_real(self, position: Position, trade: Trade, closing: Closing, told: set[str]) -> Trade:
        """Sell a part of a real position or all that is left, and show the shadow's market beside one's own."""
        others = trade["snapshot_instruments"] if self._strategy.quotes_the_other_contract else []
        if closing.is_last:
            return self._exit(position, closing, others)
        if "first-target" in told:
            return trade
        instrument = str(position.contract)
        sold: FillLeg = {
            "instrument": instrument,
            "effect": "CLOSE",
            "side": "LONG",
            "quantity": str(closing.quantity),
            "price": str(bid_at(position.contract, closing.bar)),
        }
        return self._client.report_fill(
            position.trade_id,
            fill_ref="first-target",
            time=closing.time,
            legs=[sold],
            reason=closing.reason,
            fees=FEES * closing.quantity,
            market_conditions=conditions(self._tape, closing.bar, [instrument, *others], closing.time),
        )

    def _exit(self, position: Position, closing: Closing, others: list[str]) -> Trade:
        """Report that all that is left was sold at the bid, or that the contract ended."""
        instrument = str(position.contract)
        settled = [instrument] if closing.is_settled else []
        seen = conditions(self._tape, closing.bar, [instrument, *others], closing.time, settled=settled)
        price = seen["settlements"][instrument]["price"] if settled else seen["quotes"][instrument]["bid"]
        return self._client.exit_trade(
            position.trade_id,
            exit_time=closing.time,
            exit_price=Decimal(price),
            exit_reason=closing.reason,
            fees=Decimal(0) if settled else FEES * closing.quantity,
            market_conditions=seen,
        )

    def _follow(self, directive: ExitDirective) -> None:
        """Close a shadow as of the real exit's time, at the engine's own quotes then."""
        exit_time = datetime.fromisoformat(directive["exit_time"])
        bar = self._tape.at(Contract.parse(directive["instruments"][0]).root, exit_time)
        if bar is None:
            return  # This engine has not seen that bar yet; the directive stays.
        seen = conditions(self._tape, bar, directive["instruments"], exit_time)
        try:
            settled = self._client.report_directive(
                directive["id"], quotes=seen["quotes"], settlements=seen.get("settlements", {})
            )
        except OrchestratorError as error:
            if error.code != "directive_settled":
                raise
            return  # Somebody else's quotes arrived in between.
        log.info("followed to %s: %s", directive["exit_time"], settled["trade"]["status"])
