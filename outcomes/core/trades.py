"""What a trade's numbers, prices and flags are called and how wide they are, and the rules of the comparison (R4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self, TypedDict

from kernel.values import decimal_text, format_timestamp

SIDES = ("LONG", "SHORT")
EFFECTS = ("OPEN", "CLOSE")


class Digits(TypedDict):
    """The numbers that a column holds, and a call accepts: all digits, and those after the point."""

    max_digits: int
    decimal_places: int


PRICE: Digits = {"max_digits": 24, "decimal_places": 12}  # of one unit; fees of one report, too
NET_PRICE: Digits = {"max_digits": 28, "decimal_places": 12}  # of up to four legs with their ratios
QUANTITY: Digits = {"max_digits": 22, "decimal_places": 8}
MULTIPLIER: Digits = {"max_digits": 16, "decimal_places": 6}
FEES: Digits = {"max_digits": 50, "decimal_places": 20}  # of many fills, and price x quantity for a schedule
# Wide enough for every product of the columns that they come from: price x quantity x multiplier.
RISK: Digits = {"max_digits": 80, "decimal_places": 26}
PNL: Digits = {"max_digits": 80, "decimal_places": 26}


class Provenance(StrEnum):
    """Where a price comes from."""

    BROKER_FILL = "BROKER_FILL"  # claimed, of real trades only
    NEUTRAL_QUOTE = "NEUTRAL_QUOTE"  # assigned: of the feed that belongs to neither engine
    SAME_SNAPSHOT_QUOTE = "SAME_SNAPSHOT_QUOTE"  # assigned: the real exit's own conditions quoted the shadow
    OWN_FEED_QUOTE = "OWN_FEED_QUOTE"  # claimed: the engine's own quotes
    MODEL = "MODEL"  # claimed: computed, not seen
    SETTLEMENT = "SETTLEMENT"  # claimed: the contract ended
    UNPRICED = "UNPRICED"  # assigned: nobody priced it


# A trade whose legs were priced differently is as good as its weakest leg; strongest first.
_STRENGTH = (
    Provenance.BROKER_FILL,
    Provenance.NEUTRAL_QUOTE,
    Provenance.SETTLEMENT,
    Provenance.SAME_SNAPSHOT_QUOTE,
    Provenance.OWN_FEED_QUOTE,
    Provenance.MODEL,
    Provenance.UNPRICED,
)


def weakest(provenances: list[Provenance]) -> Provenance:
    """What a price made of several deserves to be called."""
    return max(provenances, key=_STRENGTH.index)


class Worded(StrEnum):
    """Codes, each with its meaning as traders read it."""

    words: str

    def __new__(cls, code: str, words: str = "") -> Self:
        """A member that is its code, and knows its words."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.words = words
        return member


class TradeFlag(Worded):
    """What is remarkable about a trade without breaking a rule."""

    PARTIAL_FILL = "PARTIAL_FILL", "Filled for less than planned, all legs in proportion."
    CLOCK = "CLOCK", "Its engine's clock is wrong: dated ahead of ours, or the exit before the entry."
    RISK_DIFFERS = "RISK_DIFFERS", "The engine declared another capital at risk than its opening fills give."
    NET_PRICE_DIFFERS = "NET_PRICE_DIFFERS", "The net price reported is not that of the legs; the legs count."
    AFTER_REAL_EXIT = "AFTER_REAL_EXIT", "Opened after the real trade had ended: it has an own exit, but no outcome."
    UNPAIRED = "UNPAIRED", "No real trade could come, so it left by its own rules."
    AMENDED = "AMENDED", "An operator accepted a correction or a bust of one of its fills."
    ROLLED = "ROLLED", "Went on after a roll; the comparison ends with the roll's closing leg."


class PairRule(Worded):
    """The rules by what breaks them."""

    CONTEXT_HASH_DIFFERS = "CONTEXT_HASH_DIFFERS", "Recommended from another market context than both engines got."
    RULES_HASH_DIFFERS = "RULES_HASH_DIFFERS", "Recommended by other rules than the engine had registered."
    ENTRY_BEFORE_RECOMMENDATION = "ENTRY_BEFORE_RECOMMENDATION", "Entered before it had said what it would do."
    TIME_IMPOSSIBLE = "TIME_IMPOSSIBLE", "Closed before it was opened, by its own times."
    LATE_REPORT = "LATE_REPORT", "Reported later than the policy allows after it happened."
    LATE_ENTRY = "LATE_ENTRY", "Reported when no real trade was to be expected any more."
    NOT_PERMITTED = "NOT_PERMITTED", "Traded for real without a permit in force."
    PLAN_DIFFERS = "PLAN_DIFFERS", "Traded something else, or more, than planned."
    PRICE_NOT_IN_QUOTES = "PRICE_NOT_IN_QUOTES", "Filled at a better price than anybody quoted around that time."
    SETTLEMENT_IMPOSSIBLE = "SETTLEMENT_IMPOSSIBLE", "Settled in a way, or at a price, that the contract rules out."
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS", "Traded in another currency than the policy's."
    EXIT_TIME_DIFFERS = "EXIT_TIME_DIFFERS", "The shadow left at another time than the real trade."
    CONDITIONS_HASH_DIFFERS = "CONDITIONS_HASH_DIFFERS", "The shadow left under other market conditions."
    INSTRUMENT_DIFFERS = "INSTRUMENT_DIFFERS", "Closed other instruments than it had opened."
    PNL_DIFFERS = "PNL_DIFFERS", "The recorded P&L is not what the fills give."


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
    for time, conditions in shadow.exits:
        # Two fills of the real trade may share a moment, and differ in what their engine saw.
        of_that_moment = [seen for real_time, seen in real.exits if real_time == time]
        if not of_that_moment:
            expected = ", ".join(format_timestamp(real_time) for real_time, _ in real.exits)
            detail = f"expected {expected}, found {format_timestamp(time)}"
            yield Breach(shadow.engine, PairRule.EXIT_TIME_DIFFERS.value, detail)
        elif conditions not in of_that_moment:
            detail = f"expected {', '.join(of_that_moment)}, found {conditions}"
            yield Breach(shadow.engine, PairRule.CONDITIONS_HASH_DIFFERS.value, detail)


def _money(amount: Decimal | None) -> str:
    return "none" if amount is None else decimal_text(amount)
