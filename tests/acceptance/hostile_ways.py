"""The ways in which an engine may try to look better, what each is answered, and what it is worth in the end.

Everybody buys one call at 2.00; it stands at 5.00 at the peak and is sold at 0.90 at the end, so that the truth is
-0.5565 R after fees. What is missing counts as the whole premium, -1.0065 R.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.values import format_timestamp
from outcomes.models import ExitDirective
from tests.acceptance.hostile import Game, Hostile, Lie, wait
from tests.acceptance.twin_steps import leave
from tests.acceptance.twins import C100, LATER, Position, Twin

TRUE, LOST, NONE = "-0.5565", "-1.0065", "0"
REAL, SHADOW, NOBODY = "REAL", "SHADOW", "NOBODY"


@dataclass(frozen=True)
class Way:
    """One way: what is tried, in which role, and where it ends."""

    said: str
    game: Game
    worth: str  # to the hostile engine, in R
    refused: str = ""  # the code that its lie gets
    violation: str = ""
    flag: str = ""
    provenance: str = ""  # what the price of its exit is called

    def __str__(self) -> str:
        told = ", ".join(text for text in (self.refused, self.violation, self.flag, self.provenance) if text)
        where = " replayed" if self.game.replayed else ""
        return f"{self.game.role}{where}: {self.said} -> {told or 'counted'}, {self.worth} R"


def way(said: str, role: str, worth: str, *lies: Lie, **options: Any) -> Way:
    told = {name: options.pop(name) for name in ("refused", "violation", "flag", "provenance") if name in options}
    options.setdefault("steps", (wait, leave))
    return Way(said, Game(role=role, lies=lies, **options), worth, **told)


def says(at: str, **changes: Any) -> Lie:
    """These members instead of the true ones; a function is asked when the lie is told."""

    def tell(engine: Hostile, body: dict[str, Any]) -> dict[str, Any]:
        return body | {name: told(engine) if callable(told) else told for name, told in changes.items()}

    return Lie(at, tell)


def also(at: str, path: str, **changes: Any) -> Lie:
    """The same body with these members to another call, or to the same once more, before the true one."""

    def tell(engine: Hostile, body: dict[str, Any]) -> Any:
        return path.format(trade=engine.position.trade_id), body | changes

    return Lie(at, tell, instead=False)


def plans(**changes: Any) -> Lie:
    """Another plan than it will be held to be honest by."""
    return Lie("answer", lambda _, body: body | {"plan": body["plan"] | changes})


def opens(*legs: tuple[str, str, str], **changes: Any) -> Lie:
    """Other legs than planned: instrument, side and price."""
    made = [{"instrument": name, "side": side, "ratio": 1, "entry_price": price} for name, side, price in legs]
    return says("open", legs=made, **changes)


def quotes_itself(at: str = "open", instrument: str = C100, **changes: Any) -> Lie:
    """Own quotes with these members, None for a member left out."""

    def tell(engine: Hostile, body: dict[str, Any]) -> dict[str, Any]:
        quote = engine.market.quote(instrument)
        for name, told in changes.items():
            quote[name] = told(engine) if callable(told) else told
        quote = {name: told for name, told in quote.items() if told is not None}
        leg = body["legs"][0] if body.get("legs") else {}
        if at == "open":
            price = {"entry_price": quote.get("ask", "2.00")}
            return body | {"entry_quotes": {instrument: quote}, "legs": [leg | price]}
        told_price = {"legs": [leg | {"exit_price": quote.get("bid", "0.90")}]} if leg else {}
        return (
            body
            | told_price
            | (
                {"quotes": {instrument: quote}}
                if at == "follow"
                else {"market_conditions": {"quotes": {instrument: quote}}}
            )
        )

    return Lie(at, tell)


def settles(
    price: str, kind: str, underlying: str | None, *, at: str = "exit", when: str = "peak", name: str = C100
) -> Lie:
    """The end of a contract, at the peak or now, whatever became of it."""

    def tell(engine: Hostile, body: dict[str, Any]) -> dict[str, Any]:
        market: Any = engine.market
        moment = market.peak if when == "peak" else format_timestamp(market.moment)
        ended = {"price": price, "settled_at": moment, "kind": kind} | (
            {"underlying": underlying} if underlying else {}
        )
        if at == "follow":
            return {"settlements": {name: ended}}
        return body | {"exit_reason": kind, "legs": [], "market_conditions": {"settlements": {name: ended}}}

    return Lie(at, tell)


def ago(**since: float) -> Callable[[Hostile], str]:
    return lambda engine: engine.ago(**since)


def at_the_peak(engine: Hostile) -> str:
    market: Any = engine.market
    return str(market.peak)


def after(seconds: float) -> Lie:
    """The truth, but late."""

    def tell(_: Hostile, body: dict[str, Any]) -> dict[str, Any]:
        time.sleep(seconds)
        return body

    return Lie("open", tell)


PATIENT: Mapping[str, Any] = {"patience": 3.2}
NO_FEED: Mapping[str, Any] = {"feeder": False}
REPLAYED: Mapping[str, Any] = {"replayed": True}
LASTING: Mapping[str, Any] = {"legs": ((LATER, "LONG"),)}  # a contract that does not end today


def leave_between_quotes(twin: Twin, position: Position) -> None:
    """Leave a moment after the feed's last quote, so that the shadow's exit waits for the next one."""
    twin.market.wait()
    leave(twin, position)


def answer_before_the_feed(told: Callable[[Hostile], dict[str, Any]]) -> Callable[[Twin, Position], None]:
    """Guess the name of the directive that nobody has told it of yet, and price it first."""

    def guess(twin: Twin, _position: Position) -> None:
        if isinstance(twin, Hostile):
            twin.try_call(f"exit-directives/{ExitDirective.objects.get().name}/report", told(twin))

    return guess


def call(path: str, body: Callable[[Hostile], dict[str, Any]] | None = None) -> Callable[[Twin, Position], None]:
    """A call of its own, beside what twins do; a GET without a body."""

    def step(twin: Twin, position: Position) -> None:
        if isinstance(twin, Hostile):
            twin.try_call(path.format(trade=position.trade_id), None if body is None else body(twin))

    return step
