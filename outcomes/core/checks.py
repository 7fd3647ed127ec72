"""Whether a report can be true, and whether two trades can be compared: plan, times, settlements, pairs (R4.5).

The plan makes the two engines' contracts comparable: an engine that could choose its contract, side or size after it
learned that it shadows, or after it saw the market move, would choose the one that made it look better. A back-dated
entry is an entry at a price that has already turned out well, so nothing is taken for true that lies further back than
the time it takes to send a report, and nothing that lies ahead of the clock. An option that is exercised or assigned
settles at its intrinsic value; the stock that follows is outside the trade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from kernel.errors import DomainError
from kernel.values import decimal_text, format_timestamp, plain_text
from outcomes.core.books import Fill, PositionKey, positions
from outcomes.core.quoting import canonical_instrument, parse_option, read_price, read_quote_time
from outcomes.core.trades import PairRule, TradeFlag


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One leg per unit of the plan's quantity."""

    instrument: str
    side: str  # LONG or SHORT
    ratio: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs, size and unit of a trade; `risk_amount` is the engine's own word, in `currency`, only ever compared."""

    legs: tuple[PlannedLeg, ...]
    quantity: Decimal
    multiplier: Decimal
    currency: str
    risk_amount: Decimal

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """The plan that was stored as this document."""
        return cls(
            tuple(PlannedLeg(leg["instrument"], leg["side"], leg["ratio"]) for leg in document["legs"]),
            Decimal(document["quantity"]),
            Decimal(document["multiplier"]),
            document["currency"],
            Decimal(document["risk_amount"]),
        )

    def document(self) -> dict[str, Any]:
        """The plan as stored, with its numbers as text."""
        return {
            "legs": [{"instrument": leg.instrument, "side": leg.side, "ratio": leg.ratio} for leg in self.legs],
            "quantity": plain_text(self.quantity),
            "multiplier": plain_text(self.multiplier),
            "currency": self.currency,
            "risk_amount": plain_text(self.risk_amount),
        }

    def quantities(self) -> dict[PositionKey, Decimal]:
        """What the plan would hold, by instrument and side."""
        held: dict[PositionKey, Decimal] = {}
        for leg in self.legs:
            key = (canonical_instrument(leg.instrument), leg.side)
            held[key] = held.get(key, Decimal(0)) + leg.ratio * self.quantity
        return held


def refuse_other_than_planned(plan: Plan, legs: Iterable[PlannedLeg], quantity: Decimal, multiplier: Decimal) -> None:
    """Raise `plan_differs` unless a shadow opens exactly what its plan says."""
    opened = Plan(tuple(legs), quantity, multiplier, plan.currency, plan.risk_amount)
    for name in ("multiplier", "quantity"):
        planned, found = getattr(plan, name), getattr(opened, name)
        if planned != found:
            detail = f"The plan's {name} is {decimal_text(planned)}, not {decimal_text(found)}."
            raise DomainError("plan_differs", detail, f"/{name}")
    if opened.quantities() != plan.quantities():
        wanted = ", ".join(f"{leg.ratio} {leg.side} {leg.instrument}" for leg in plan.legs)
        raise DomainError("plan_differs", f"The plan's legs are {wanted}; open those.", "/legs")


def judge_real_trade(plan: Plan, fills: Sequence[Fill], multiplier: Decimal) -> PairRule | TradeFlag | None:
    """PLAN_DIFFERS, PARTIAL_FILL or None for what a real trade has done up to the closing leg of a roll.

    The instruments, sides and ratios that it held when its first close began must be the plan's, and it may never
    have held more; of another multiplier, every contract is another one. Less of all legs alike is an order that was
    filled in part. Legging in is judged only once the first close begins, so a trade that is still being built breaks
    nothing.
    """
    if multiplier != plan.multiplier:
        return PairRule.PLAN_DIFFERS
    planned = plan.quantities()
    # A contract under a new name is still the planned one.
    fills = [fill for fill in fills if not fill.is_succession]
    held: dict[PositionKey, Decimal] = {}
    for number, fill in enumerate(fills, start=1):
        if fill.closes:
            break
        held = {key: position.open for key, position in positions(fills[:number]).items()}
        if any(quantity > planned.get(key, 0) for key, quantity in held.items()):
            return PairRule.PLAN_DIFFERS
    else:
        # Nothing has been closed yet: what is missing may still come.
        return None
    if held == planned:
        return None
    if held.keys() != planned.keys():
        return PairRule.PLAN_DIFFERS
    # Compared crosswise with one leg, because a share of a third has no decimal form.
    first = next(iter(planned))
    in_proportion = all(held[key] * planned[first] == held[first] * planned[key] for key in planned)
    return TradeFlag.PARTIAL_FILL if in_proportion else PairRule.PLAN_DIFFERS


# How far a sender's clock may be ahead of the database's.
CLOCK_SKEW = timedelta(seconds=5)

IN_TIME = "IN_TIME"
TOO_LATE = "TOO_LATE"
IN_FUTURE = "IN_FUTURE"


@dataclass(frozen=True, slots=True)
class ReportClock:
    """How the times of one report are judged.

    Live: each must lie within [arrival - delay, arrival + 5 s]. Replayed: the source's own clock counts, which is the
    latest alert time it has sent, and a report may tell of anything from the signal's time up to that clock plus one
    timeframe; when it arrives says nothing.
    """

    arrival: datetime
    delay: timedelta
    replayed_until: datetime | None = None  # the source's clock plus one timeframe; None for a live source

    def judge(self, moment: datetime) -> str:
        """IN_TIME, TOO_LATE or IN_FUTURE for the time of an entry, a fill or an exit."""
        if self.replayed_until is not None:
            return IN_FUTURE if moment > self.replayed_until else IN_TIME
        if moment > self.arrival + CLOCK_SKEW:
            return IN_FUTURE
        return TOO_LATE if moment < self.arrival - self.delay else IN_TIME


# US options expire on dates of the exchanges' time zone; after 20:00 there UTC already has the next day.
EXCHANGE_ZONE = ZoneInfo("America/New_York")
SESSION_END = time(16)
EXPIRY_KINDS = ("EXPIRED", "CASH_SETTLED")
SIDE_OF_KIND = {"EXERCISED": "LONG", "ASSIGNED": "SHORT"}


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one instrument ended, as reported; `underlying` is the price that its intrinsic value follows from."""

    kind: str  # EXPIRED, CASH_SETTLED, EXERCISED or ASSIGNED
    price: Decimal  # per unit
    settled_at: datetime
    underlying: Decimal | None = None

    def document(self) -> dict[str, str]:
        """As stored with an execution."""
        document = {
            "kind": self.kind,
            "price": decimal_text(self.price),
            "settled_at": format_timestamp(self.settled_at),
        }
        return document | ({} if self.underlying is None else {"underlying": decimal_text(self.underlying)})


def read_settlements(market_conditions: Mapping[str, Any]) -> dict[str, Settlement]:
    """The settlements that conditions name and that can be read, by instrument in its one spelling."""
    return {
        canonical_instrument(instrument): read
        for instrument, raw in _settlements(market_conditions).items()
        if (read := _read(raw)) is not None
    }


def refuse_unreadable_settlements(market_conditions: Mapping[str, Any]) -> None:
    """Raise `settlement_impossible` for a settlement that is not {price, settled_at, kind, underlying?}."""
    for instrument, raw in _settlements(market_conditions).items():
        if _read(raw) is None:
            detail = f"{instrument}: send price, settled_at, kind and the underlying price."
            raise DomainError("settlement_impossible", detail, f"/settlements/{instrument}")


def _settlements(market_conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    found = market_conditions.get("settlements")
    return found if isinstance(found, dict) else {}


def _read(raw: Any) -> Settlement | None:
    if not isinstance(raw, dict) or raw.get("kind") not in (*EXPIRY_KINDS, *SIDE_OF_KIND):
        return None
    price, underlying = read_price(raw.get("price")), read_price(raw.get("underlying"))
    if price is None or (underlying is None and raw.get("underlying") is not None):
        return None
    try:
        settled_at = read_quote_time(raw.get("settled_at"))
    except ValueError:
        return None
    return Settlement(raw["kind"], price, settled_at, underlying)


def has_run_out(instrument: str, settlement: Settlement) -> bool:
    """Whether the contract had ended by itself at the settlement: an option, from its expiry date on.

    Exercise before that is its holder's choice, and an assignment that happens to nobody's position cannot be known;
    an engine that could end its shadow by either would choose the moment.
    """
    option = parse_option(instrument)
    return option is not None and settlement.settled_at.astimezone(EXCHANGE_ZONE).date() >= option.expiry


def decisive_moment(instrument: str, settlement: Settlement, told: ReportClock) -> datetime | None:
    """When the underlying's price decided a settlement; None where the engine told of it late and chose the moment.

    Told at once it is `settled_at`. Later, only the close of the day on which the contract expires leaves no choice:
    a call that ended at nothing on Friday is worth nothing on Monday, wherever the underlying stands then.
    """
    option = parse_option(instrument)
    at_once = told.judge(settlement.settled_at) != TOO_LATE
    if option is None:
        return settlement.settled_at if at_once else None
    close = datetime.combine(option.expiry, SESSION_END, EXCHANGE_ZONE)
    if settlement.settled_at.astimezone(EXCHANGE_ZONE).date() > option.expiry:
        return close
    if at_once:
        return settlement.settled_at
    return close if settlement.settled_at >= close else None


def is_borne_out(instrument: str, settlement: Settlement, lowest: Decimal, highest: Decimal) -> bool:
    """Whether a settlement agrees with quotes of what decides it, the underlying or, of no option, itself."""
    option = parse_option(instrument)
    if option is None:
        return lowest <= settlement.price <= highest
    if settlement.underlying is None:
        return settlement.price in (option.intrinsic_value(lowest), option.intrinsic_value(highest))
    return lowest <= settlement.underlying <= highest


def refuse_impossible_settlement(instrument: str, side: str, settlement: Settlement) -> None:
    """Raise `settlement_impossible` for what cannot have happened to this position.

    For an OCC symbol: expiry and cash settlement only from its expiry date on (New York), exercise of long and
    assignment of short positions only, and a price that is the intrinsic value at the stated underlying price.
    Another instrument can be cash settled; nothing about its price can be checked here.
    """
    reason = _impossible(instrument, side, settlement)
    if reason:
        raise DomainError("settlement_impossible", f"{instrument}: {reason}", f"/settlements/{instrument}")


def refuse_chosen_settlement(instrument: str, settlement: Settlement) -> None:
    """Raise `settlement_impossible` for a shadow's option that ends before its expiry: who may choose that, looks back.

    A holder may exercise at any time, so a shadow that could say so would leave at the best moment since its entry.
    """
    if parse_option(instrument) is not None and not has_run_out(instrument, settlement):
        detail = f"{instrument}: only from its expiry date on can a shadow be settled; until then it is sold."
        raise DomainError("settlement_impossible", detail, f"/settlements/{instrument}")


def refuse_settlement_outside(
    instrument: str, settlement: Settlement, entered_at: datetime, exit_time: datetime
) -> None:
    """Raise `settlement_impossible` for a contract that ended before it was bought, or after it was left."""
    if not entered_at <= settlement.settled_at <= exit_time:
        detail = f"{instrument}: settled_at lies before the entry or after the exit."
        raise DomainError("settlement_impossible", detail, f"/settlements/{instrument}")


def _impossible(instrument: str, side: str, settlement: Settlement) -> str:
    option = parse_option(instrument)
    wanted_side = SIDE_OF_KIND.get(settlement.kind)
    if wanted_side is not None and side != wanted_side:
        return f"only a {wanted_side} position can be {settlement.kind.lower()}."
    if option is None:
        return "" if settlement.kind == "CASH_SETTLED" else f"{settlement.kind} needs an option contract."
    settled_on = settlement.settled_at.astimezone(EXCHANGE_ZONE).date()
    if settlement.kind in EXPIRY_KINDS and settled_on < option.expiry:
        return f"it expires on {option.expiry}, after settled_at."
    if settlement.underlying is None:
        # Only worthlessness needs no proof of where the underlying stood: nobody gains by claiming it of his own side.
        return "" if settlement.price == 0 and side == "LONG" else "state the underlying price that it settled at."
    intrinsic = option.intrinsic_value(settlement.underlying)
    if settlement.price != intrinsic:
        return (
            f"at an underlying price of {decimal_text(settlement.underlying)} it settles at {decimal_text(intrinsic)}."
        )
    return ""


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule: who broke it, what was expected and found."""

    engine: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class PairedTrade:
    """What the checks need of one closed trade and of the recommendation that it follows."""

    engine: str
    context_hash: str  # of the recommendation
    recommended_rules_hash: str
    registered_rules_hash: str  # of the engine, when it answered
    # Of the fills that belong to the pair, oldest first.
    exits: tuple[tuple[datetime, str], ...]  # time and conditions hash of each closing fill
    entry_instruments: frozenset[str]
    exit_instruments: frozenset[str] | None  # None: UNPRICED
    stored_pnl: Decimal | None
    recomputed_pnl: Decimal | None


def breaches_of_one(trade: PairedTrade, context_hash: str) -> Iterator[Breach]:
    """The rules that a trade breaks whatever the other one did; `context_hash` is the market context's."""

    def breach(rule: PairRule, expected: object, found: object) -> Breach:
        return Breach(trade.engine, rule.value, f"expected {expected}, found {found}")

    if trade.context_hash != context_hash:
        yield breach(PairRule.CONTEXT_HASH_DIFFERS, context_hash, trade.context_hash)
    if trade.recommended_rules_hash != trade.registered_rules_hash:
        registered = trade.registered_rules_hash or "a registered hash"
        yield breach(PairRule.RULES_HASH_DIFFERS, registered, trade.recommended_rules_hash)
    if trade.exit_instruments not in (None, trade.entry_instruments):
        entered, exited = sorted(trade.entry_instruments), sorted(trade.exit_instruments or ())
        yield breach(PairRule.INSTRUMENT_DIFFERS, entered, exited)
    if trade.stored_pnl != trade.recomputed_pnl:
        yield breach(PairRule.PNL_DIFFERS, _money(trade.recomputed_pnl), _money(trade.stored_pnl))


def breaches_of_the_exits(real: PairedTrade, shadow: PairedTrade) -> Iterator[Breach]:
    """Whether each synchronised fill of the shadow copies time and conditions of a real one, bit for bit (R4.2)."""
    for left_at, conditions in shadow.exits:
        # Two fills of the real trade may share a moment, and differ in what their engine saw.
        of_that_moment = [seen for real_time, seen in real.exits if real_time == left_at]
        if not of_that_moment:
            expected = ", ".join(format_timestamp(real_time) for real_time, _ in real.exits)
            detail = f"expected {expected}, found {format_timestamp(left_at)}"
            yield Breach(shadow.engine, PairRule.EXIT_TIME_DIFFERS.value, detail)
        elif conditions not in of_that_moment:
            detail = f"expected {', '.join(of_that_moment)}, found {conditions}"
            yield Breach(shadow.engine, PairRule.CONDITIONS_HASH_DIFFERS.value, detail)


def _money(amount: Decimal | None) -> str:
    return "none" if amount is None else decimal_text(amount)
