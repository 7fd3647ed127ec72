"""The calls of the orchestrator's API, one method each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlencode

from .documents import (
    Action,
    Assignment,
    ExitDirective,
    FeedQuote,
    FillLeg,
    Heartbeat,
    Kind,
    OpeningLeg,
    Plan,
    QuoteDocument,
    QuoteRequest,
    Role,
    SettledDirective,
    SettlementDocument,
    StoredQuotes,
    Trade,
)
from .transport import Transport


class OrchestratorClient:
    """One connection with one key.

    Use it from one thread at a time; give every thread a client of its own. Calls that fail with 429,
    503 or no answer at all are repeated with growing pauses, which is harmless, because the API
    answers a repeat with the first answer. What stays wrong is raised as OrchestratorError. Decimal,
    UUID and datetime with a zone may be passed as they are.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 10.0,
        attempts: int = 6,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare; `url` is the site's, without /api/v1; `timeout` in seconds; nothing is sent yet."""
        self._transport = Transport(url, key, timeout=timeout, attempts=attempts, sleep=sleep)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._transport.close()

    def heartbeat(self, *, engine_version: str, rules_hash: str, model: Any = None) -> Heartbeat:
        """Report that this engine is available, and by which rules and versions of model, prompt and tools."""
        body: dict[str, Any] = {"engine_version": engine_version, "rules_hash": rules_hash}
        if model is not None:
            body["model"] = model
        return cast("Heartbeat", self._post("heartbeat", body))

    def claim(self, *, limit: int = 10, lease_seconds: int = 60, wait_seconds: float = 20) -> list[Assignment]:
        """Lease this engine's open work, oldest first; wait up to `wait_seconds` (25 at most) for the first."""
        body = {"limit": limit, "lease_seconds": lease_seconds, "wait_seconds": wait_seconds}
        answer = self._post("assignments/claim", body, extra_seconds=wait_seconds)
        # One token proves all leases of a claim.
        return [
            cast("Assignment", assignment | {"lease_token": answer["lease_token"]})
            for assignment in answer["assignments"]
        ]

    def renew(self, experiment_id: str, *, lease_seconds: int, lease_token: str | None = None) -> str:
        """Lengthen a lease; return until when it holds. `lease_lost`: another worker may have the work by now."""
        body = {"lease_seconds": lease_seconds, "lease_token": lease_token}
        return cast("str", self._post(f"assignments/{experiment_id}/renew", body)["lease_expires_at"])

    def assignment(self, experiment_id: str) -> Assignment:
        """An assignment again; it never changes."""
        return cast("Assignment", self._get(f"assignments/{experiment_id}"))

    def recommend(
        self,
        *,
        experiment_id: str,
        context_hash: str,
        action: Action,
        strategy_version: str,
        rules_hash: str,
        plan: Plan | None = None,
        recommendation: Any = None,
        lease_token: str | None = None,
    ) -> Role:
        """Answer an assignment, blind; return the role that this reveals. OPEN needs a plan.

        With the token of its claim, a worker whose lease has ended is refused once another one has the work.
        """
        body = {
            "experiment_id": experiment_id,
            "context_hash": context_hash,
            "action": action,
            "strategy_version": strategy_version,
            "rules_hash": rules_hash,
            "plan": plan,
            "recommendation": recommendation,
            "lease_token": lease_token,
        }
        return cast("Role", self._post("recommendations", body))

    def confirm_permit(self, experiment_id: str) -> str:
        """Ask right before a real order goes out whether it may; return until when. Refused: `halted`, for one."""
        return cast("str", self._post(f"permits/{experiment_id}/confirm", {})["valid_until"])

    def open_trade(
        self,
        *,
        experiment_id: str,
        kind: Kind,
        legs: Sequence[OpeningLeg],
        quantity: int | Decimal,
        multiplier: int | Decimal,
        entry_price: Decimal,
        entry_time: datetime,
        price_provenance: str,
        fees: Decimal = Decimal(0),
        entry_quotes: Mapping[str, QuoteDocument] | None = None,
    ) -> Trade:
        """Report an opened trade; `kind` is the revealed role. A shadow needs `entry_quotes`, by instrument."""
        body = {
            "experiment_id": experiment_id,
            "kind": kind,
            "legs": list(legs),
            "quantity": quantity,
            "multiplier": multiplier,
            "entry_price": entry_price,
            "entry_time": entry_time,
            "price_provenance": price_provenance,
            "fees": fees,
            "entry_quotes": dict(entry_quotes or {}),
        }
        return cast("Trade", self._post("trades", body))

    def trade(self, trade_id: str) -> Trade:
        """One of this engine's trades, with the instruments to quote in its exit."""
        return cast("Trade", self._get(f"trades/{trade_id}"))

    def trades(self, **filters: str) -> Iterator[Trade]:
        """This engine's trades, oldest first; filter by `status`, `kind`, `experiment_id` and `since`."""
        cursor: str | None = ""
        while cursor is not None:
            page = self._get("trades", filters | ({"cursor": cursor} if cursor else {}))
            yield from cast("list[Trade]", page["trades"])
            cursor = page["next_cursor"]

    def report_fill(
        self,
        trade_id: str,
        *,
        fill_ref: str,
        time: datetime,
        legs: Sequence[FillLeg],
        reason: str = "",
        fees: Decimal = Decimal(0),
        market_conditions: Mapping[str, Any] | None = None,
    ) -> Trade:
        """Report one more fill of an open trade; `fill_ref` makes it known again. `reason` says why it closes."""
        body = {
            "fill_ref": fill_ref,
            "time": time,
            "legs": list(legs),
            "fees": fees,
            "market_conditions": dict(market_conditions or {}),
        }
        return cast("Trade", self._post(f"trades/{trade_id}/fills", body | ({"reason": reason} if reason else {})))

    def exit_trade(
        self,
        trade_id: str,
        *,
        exit_time: datetime,
        exit_price: Decimal,
        exit_reason: str,
        fees: Decimal = Decimal(0),
        legs: Sequence[Mapping[str, Any]] = (),
        market_conditions: Mapping[str, Any] | None = None,
    ) -> Trade:
        """Report that all that was left was closed; of a shadow, that its own rules left it.

        `legs` (instrument, exit_price) may be left out for one leg.
        """
        body: dict[str, Any] = {
            "exit_time": exit_time,
            "exit_price": exit_price,
            "exit_reason": exit_reason,
            "fees": fees,
            "market_conditions": dict(market_conditions or {}),
        }
        if legs:
            body["legs"] = list(legs)
        return cast("Trade", self._post(f"trades/{trade_id}/exit", body))

    def exit_directives(self) -> list[ExitDirective]:
        """The shadow exits that wait for this engine's own quote, oldest first."""
        return cast("list[ExitDirective]", self._get("exit-directives")["exit_directives"])

    def report_directive(
        self,
        directive_id: str,
        *,
        quotes: Mapping[str, QuoteDocument],
        settlements: Mapping[str, SettlementDocument] | None = None,
    ) -> SettledDirective:
        """Quote the shadow's instruments as of the directive's exit time, or say how they ended; that closes them."""
        body = {"quotes": dict(quotes), "settlements": dict(settlements or {})}
        return cast("SettledDirective", self._post(f"exit-directives/{directive_id}/report", body))

    def experiments(self, **filters: Any) -> dict[str, Any]:
        """A page of experiments; filters and cursor as the API names them."""
        return cast("dict[str, Any]", self._get("experiments", filters))

    def experiment(self, experiment_id: str) -> dict[str, Any]:
        """Which engine recommended what in an experiment, who executed, and why."""
        return cast("dict[str, Any]", self._get(f"experiments/{experiment_id}"))

    def performance(self, **filters: Any) -> dict[str, Any]:
        """The comparison report."""
        return cast("dict[str, Any]", self._get("performance", filters))

    def push_market_data(self, *, symbol: str, as_of: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
        """Push one observation; contexts of later signals of the symbol may carry it."""
        body = {"symbol": symbol, "as_of": as_of, "data": dict(data)}
        return cast("dict[str, Any]", self._post("market-data", body))

    def quote_requests(self, *, wait_seconds: float = 20) -> list[QuoteRequest]:
        """What a feeder should quote; wait up to `wait_seconds` (25 at most) for the first request."""
        answer = self._get("quote-requests", {"wait_seconds": wait_seconds}, extra_seconds=wait_seconds)
        return cast("list[QuoteRequest]", answer["quote_requests"])

    def push_quotes(self, quotes: Sequence[FeedQuote]) -> StoredQuotes:
        """Push up to 5,000 quotes of a neutral feed, all or none."""
        return cast("StoredQuotes", self._post("quotes", {"quotes": list(quotes)}))

    def _get(self, path: str, filters: Mapping[str, Any] | None = None, *, extra_seconds: float = 0.0) -> Any:
        query = f"?{urlencode(filters)}" if filters else ""
        return self._transport.call("GET", f"/api/v1/{path}{query}", extra_seconds=extra_seconds)

    def _post(self, path: str, body: Any, *, extra_seconds: float = 0.0) -> Any:
        return self._transport.call("POST", f"/api/v1/{path}", body, extra_seconds=extra_seconds)
