"""What one signal says about which engine is better: the two values, and how far apart they can be.

A refusal, a missed answer and an order that was not filled are decisions, and worth 0. What cannot be priced is never
left out, because engines that are silent about their losers would gain by it: it is taken at its worst for A in
`d_low` and at its worst for B in `d_high` (contract 8.2, Values). The truth lies between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

from outcomes.core.books import Fill, LegFill, Schedule, scheduled_fees
from outcomes.core.checks import Plan

# R is a quotient; 34 digits are those of a decimal128 and far beyond the ninth that the evidence is compared to.
_DIGITS = Context(prec=34)
ZERO = Decimal(0)

VALUED = "VALUED"
MISSING = "MISSING"
# Decided and worth nothing; each is counted by its name.
WORTH_ZERO = ("DECLINED", "NO_ANSWER", "NOT_FILLED", "OVERTAKEN")


@dataclass(frozen=True, slots=True)
class Side:
    """One engine's part in one signal.

    `pnl` is net of the schedule's fees, in currency, where the standing is VALUED, and where a trade that broke a rule
    lost: the loss counts where it is more than all that was at risk. `risk_amount` is the referee's own
    for the opening fills; `declared_risk` the plan's, used where nothing was opened. `round_trip_fees` is the schedule
    on the plan's legs, in and out.
    """

    standing: str  # VALUED, MISSING or one of WORTH_ZERO
    pnl: Decimal | None = None
    risk_amount: Decimal | None = None
    declared_risk: Decimal = ZERO
    round_trip_fees: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one engine's part in one signal once its time is over: what is open then stays unpriced."""

    action: str | None  # OPEN or DECLINE; None without an answer in time
    is_real: bool = False  # told to trade for real
    is_late: bool = False  # answered, or opened its shadow, after the real exit
    breaks_a_rule: bool = False  # a violation by this engine itself
    has_trade: bool = False
    pnl: Decimal | None = None  # by the estimand, less the schedule's fees; None where it is open or unpriced
    risk_amount: Decimal | None = None  # of the opening fills; None while there are none
    plan: Plan | None = None  # None unless it answered OPEN


def judge_part(part: Part, schedule: Schedule, *, overtakes: bool) -> Side:
    """Where the engine stands; the first that holds counts.

    A broken rule comes before everything, so that nothing is gained by breaking one. `overtakes` says whether a real
    exit ends the pair for the other side, which it does not where each side's own exit is compared.
    """
    if part.breaks_a_rule:
        standing = MISSING
    elif part.action is None:
        standing = "NO_ANSWER"
    elif part.action == "DECLINE":
        standing = "DECLINED"
    elif part.is_real and not part.has_trade:
        # A limit order that the market did not reach is a choice of price, and worth what it made: nothing.
        standing = "NOT_FILLED"
    elif part.is_late and overtakes:
        standing = "OVERTAKEN"
    else:
        standing = MISSING if part.pnl is None else VALUED
    # Of what breaks a rule, the loss stays known: it may be more than all that was at risk.
    is_known = standing == VALUED or (part.breaks_a_rule and part.pnl is not None and part.pnl < 0)
    pnl = part.pnl if is_known else None
    if part.plan is None:
        return Side(standing, pnl, part.risk_amount)
    return Side(standing, pnl, part.risk_amount, part.plan.risk_amount, _round_trip(part.plan, schedule))


def _round_trip(plan: Plan, schedule: Schedule) -> Decimal:
    """The schedule on the plan's legs, in and out."""
    held = plan.quantities().items()
    fills = [
        Fill(effect, tuple(LegFill(instrument, effect, side, quantity, ZERO) for (instrument, side), quantity in held))
        for effect in ("OPEN", "CLOSE")
    ]
    return scheduled_fees(fills, plan.multiplier, schedule)


@dataclass(frozen=True, slots=True)
class Record:
    """What an engine had done in earlier blocks: its best value in the metric, and its largest risk in currency."""

    best: Decimal = ZERO
    largest_risk: Decimal = ZERO

    def after(self, side: Side, metric: str) -> Record:
        """The record with one more signal in it."""
        best = self.best if is_missing(side, metric) else max(self.best, _range(side, metric, self)[1])
        return Record(best, max(self.largest_risk, side.risk_amount or ZERO))


@dataclass(frozen=True, slots=True)
class Difference:
    """A minus B of one signal: the least and the most it can be; equal where nothing is missing."""

    low: Decimal
    high: Decimal

    @property
    def is_complete(self) -> bool:
        """Whether neither side is missing."""
        return self.low == self.high


def difference(a: Side, b: Side, *, metric: str, record_a: Record, record_b: Record) -> Difference:
    """The range of v_A - v_B in the metric, R or CURRENCY."""
    a_low, a_high = _range(a, metric, record_a)
    b_low, b_high = _range(b, metric, record_b)
    return Difference(_DIGITS.subtract(a_low, b_high), _DIGITS.subtract(a_high, b_low))


def is_missing(side: Side, metric: str) -> bool:
    """Whether the side has no value: unpriced, never opened, in breach of a rule, or without risk to divide by."""
    return side.standing == MISSING or (side.standing == VALUED and metric == "R" and not side.risk_amount)


def count_standings(sides: Iterable[Side], metric: str) -> Counter[str]:
    """How many sides stand where; a side without risk counts as MISSING under R."""
    return Counter(MISSING if is_missing(side, metric) else side.standing for side in sides)


def _range(side: Side, metric: str, record: Record) -> tuple[Decimal, Decimal]:
    """The least and the most that a side can be worth in the metric."""
    if side.standing in WORTH_ZERO:
        return ZERO, ZERO
    if not is_missing(side, metric):
        assert side.pnl is not None
        value = _DIGITS.divide(side.pnl, side.risk_amount) if metric == "R" and side.risk_amount else side.pnl
        return value, value
    # Where nothing was opened, a small declared risk must not make silence cheap: its largest so far counts.
    risk = side.risk_amount or max(side.declared_risk, record.largest_risk)
    # At worst all that was at risk is lost, and the fees on top; at best it repeats its best.
    lost = -risk - side.round_trip_fees
    if side.pnl is not None:
        lost = min(lost, side.pnl)
    if metric == "CURRENCY":
        return lost, max(risk, record.best)
    # Without any risk known, fees cannot be said in R; nothing was at stake.
    return _DIGITS.divide(lost, risk) if risk else Decimal(-1), max(Decimal(1), record.best)
