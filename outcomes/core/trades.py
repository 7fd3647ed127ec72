"""What a trade's numbers, prices and flags are called and how wide they are: for columns, calls and checks alike."""

from __future__ import annotations

from enum import StrEnum
from typing import TypedDict

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
FEES: Digits = {"max_digits": 40, "decimal_places": 20}  # of many fills, and price x quantity for a schedule
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


# What an engine may say of its own prices; the other words are the referee's.
CLAIMED_PROVENANCES = (
    Provenance.BROKER_FILL,
    Provenance.OWN_FEED_QUOTE,
    Provenance.MODEL,
    Provenance.SETTLEMENT,
)
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


class TradeFlag(StrEnum):
    """What is remarkable about a trade without breaking a rule."""

    PARTIAL_FILL = "PARTIAL_FILL"  # less than planned, in proportion
    CLOCK = "CLOCK"  # its engine's clock was ahead, or its exit is dated before its entry
    RISK_DIFFERS = "RISK_DIFFERS"  # declared another capital at risk than its fills give
    NET_PRICE_DIFFERS = "NET_PRICE_DIFFERS"  # the price reported for the whole is not that of its legs
    AFTER_REAL_EXIT = "AFTER_REAL_EXIT"  # a shadow that opened when the real trade had ended
    UNPAIRED = "UNPAIRED"  # a shadow that left by its own rules, because no real trade could come
    ROLLED = "ROLLED"  # went on after the pair had ended
