"""What a trade's numbers, prices and flags are called, how wide they are, and the names of the rules (R4.5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self, TypedDict

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
    RISK_DIFFERS = "RISK_DIFFERS", "The capital at risk that the engine declared is not what its opening fills give."
    NET_PRICE_DIFFERS = "NET_PRICE_DIFFERS", "The net price reported is not that of the legs; the legs count."
    AFTER_REAL_EXIT = "AFTER_REAL_EXIT", "Opened after the real trade had closed: it has an own exit, but no outcome."
    UNPAIRED = "UNPAIRED", "No real trade was to come, so it exited by its own rules."
    AMENDED = "AMENDED", "An operator accepted a correction or a bust of one of its fills."
    ROLLED = "ROLLED", "Went on after a roll; the comparison ends with the roll's closing leg."


class PairRule(Worded):
    """The rules by what breaks them."""

    CONTEXT_HASH_DIFFERS = (
        "CONTEXT_HASH_DIFFERS",
        "Recommended from a context other than the one that both engines got.",
    )
    RULES_HASH_DIFFERS = "RULES_HASH_DIFFERS", "Recommended by rules other than those that the engine had registered."
    ENTRY_BEFORE_RECOMMENDATION = "ENTRY_BEFORE_RECOMMENDATION", "Entered before it had said what it would do."
    TIME_IMPOSSIBLE = "TIME_IMPOSSIBLE", "Closed before it was opened, by its own times."
    LATE_REPORT = "LATE_REPORT", "Reported later than the policy allows after it happened."
    LATE_ENTRY = "LATE_ENTRY", "Reported when a real trade was no longer expected."
    NOT_PERMITTED = "NOT_PERMITTED", "Traded for real without a permit in force."
    PLAN_DIFFERS = "PLAN_DIFFERS", "Traded something else, or more, than planned."
    PRICE_NOT_IN_QUOTES = (
        "PRICE_NOT_IN_QUOTES",
        "Bought below the lowest bid, or sold above the highest ask, of the neutral quotes around it, else of its own.",
    )
    SETTLEMENT_IMPOSSIBLE = "SETTLEMENT_IMPOSSIBLE", "Settled in a way, or at a price, that the contract rules out."
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS", "Traded in a currency other than the policy's."
    EXIT_TIME_DIFFERS = "EXIT_TIME_DIFFERS", "The shadow exited at a different time from the real trade."
    CONDITIONS_HASH_DIFFERS = "CONDITIONS_HASH_DIFFERS", "The shadow exited under different market conditions."
    INSTRUMENT_DIFFERS = "INSTRUMENT_DIFFERS", "Closed instruments other than those it had opened."
    PNL_DIFFERS = "PNL_DIFFERS", "The recorded P&L is not what the fills give."
