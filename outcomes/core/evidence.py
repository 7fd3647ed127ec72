"""Which engine is better, judged by betting on blocks: the evidence, its interval and the verdict (contract 8.2).

A bettor stakes a fixed share of his wealth on every block, first on A, then on B. If the engines were equal, no
strategy could be expected to make money, so a wealth of 40 is as surprising as p = 1/40, at whatever moment anybody
looks (Ville 1939; Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024,
arXiv 2010.09686). Six stakes share the starting capital, large ones for large differences and small ones for small.
The bet may lose at most what is in it as long as no block is worse than `worst_block`; a stake that could have been
ruined is retired, so that a broken promise about the worst block ends a bet instead of inventing evidence.

A block is x = sum of w_i d_i / sqrt(arrived) over the signals that take part, and m = sum of w_i / sqrt(arrived) what
a difference of one per signal would make of it; `outcomes.core.blocks` says why all that arrived divide. x is known as
a range where a side is missing: A's bettor gets the least of it, B's the most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

# Each stake's share of the starting capital.
STAKES = {0.95 / 2**k: share for k, share in enumerate((1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32))}
# A block beyond this share of ruin retires the stake: below -0.99 L / g one more loss would take nearly all.
RUIN = 0.99
# No block takes more than this factor from a bet, so that a wealth stays a positive number.
LEAST_FACTOR = 1e-12
_NEAR_ENOUGH = 1e-14  # of what a bound is searched in

RUNNING = "RUNNING"
A_BETTER, B_BETTER = "A_BETTER", "B_BETTER"
EQUIVALENT = "EQUIVALENT"
ASSUMPTION_BROKEN = "ASSUMPTION_BROKEN"
INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Block:
    """What one block of signals came to, in the metric; `low` = `high` where no side is missing."""

    low: float
    high: float
    m: float

    @property
    def swapped(self) -> Block:
        """The same block with the engines swapped: B less A."""
        return Block(-self.high, -self.low, self.m)


@dataclass(frozen=True, slots=True)
class Wager:
    """What is fixed before the first block: the worst block thought possible, and what counts as no difference."""

    worst_block: float
    margin: float = 0.0  # 0 = nobody asks whether they are equivalent
    alpha: float = 0.05
    horizon_blocks: int | None = None

    @property
    def needed(self) -> float:
        """The wealth that settles it: 2 / alpha, because either engine may win."""
        return 2 / self.alpha


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference per signal that is not refuted; None where nothing within reach is refuted on that side."""

    lower: float | None
    upper: float | None

    @property
    def has_drifted(self) -> bool:
        """Whether everything has been refuted: the difference was not the same all the time."""
        return self.lower is not None and self.upper is not None and self.lower > self.upper


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where an evaluation stands after its blocks so far; blocks are counted from 1."""

    verdict: str
    at_block: int | None
    e_a: float
    e_b: float
    interval: Interval
    since: tuple[float, float] | None  # the same bet, begun afresh after the verdict
    is_reversed: bool
    beyond_l: tuple[int, ...]
    retired_a: int
    retired_b: int
    evidence: tuple[tuple[float, float], ...] = field(default=(), repr=False)  # (e_a, e_b) after each block


class Bet:
    """The wealth of a bet on A as a function of the supposed difference `mu`; of swapped blocks, of a bet on B."""

    def __init__(self, worst_block: float) -> None:
        self.worst_block = worst_block
        self.live = list(STAKES)
        self._blocks: list[Block] = []

    def take(self, block: Block) -> None:
        """Settle one block at its least; retire every stake that it could have ruined."""
        self._blocks.append(block)
        self.live = [stake for stake in self.live if stake * block.low >= -RUIN * self.worst_block]

    def wealth(self, mu: float = 0.0) -> float:
        """Wealth if the difference per signal were `mu`, from a capital of 1; inf beyond a double's reach."""
        total = self.log_wealth(mu)
        try:
            return math.exp(total)
        except OverflowError:
            return math.inf

    def log_wealth(self, mu: float = 0.0) -> float:
        """Its natural logarithm; -inf once every stake is retired."""
        logs = [
            math.log(STAKES[stake])
            + math.fsum(
                math.log(max(1 + stake * (block.low - mu * block.m) / self.worst_block, LEAST_FACTOR))
                for block in self._blocks
            )
            for stake in self.live
        ]
        if not logs:
            return -math.inf
        most = max(logs)
        return most + math.log(math.fsum(math.exp(log - most) for log in logs))

    @property
    def retired(self) -> int:
        """How many stakes are out."""
        return len(STAKES) - len(self.live)


class _Bound:
    """The lower bound of the difference so far, which only ever rises; of swapped blocks, minus the upper one."""

    def __init__(self, wager: Wager) -> None:
        self.wager = wager
        self.edge: float | None = None  # None while nothing within reach is refuted
        self.sum_x = self.sum_m = 0.0
        self.blocks = 0

    def take(self, block: Block, bet: Bet) -> None:
        """Raise the bound to the greatest `mu` that the bet refutes, once it is settled on this block.

        Its wealth falls as `mu` rises, so there is one edge. The search begins as far out as blocks of at most the
        worst size could speak, or at the bound that stands.
        """
        self.blocks += 1
        self.sum_x += (block.low + block.high) / 2
        self.sum_m += block.m
        needed = math.log(self.wager.needed)
        middle, reach = self.sum_x / self.sum_m, self.wager.worst_block * self.blocks / self.sum_m
        refuted, kept = middle - reach, middle + reach
        if self.edge is not None:
            refuted = max(refuted, self.edge)
        above = bet.log_wealth(refuted) - needed
        if above < 0:
            return
        self.edge = _edge(lambda mu: bet.log_wealth(mu) - needed, refuted, kept, above)


def _edge(above: Callable[[float], float], refuted: float, kept: float, above_refuted: float) -> float:
    """The last place between both that is still refuted, where a falling function comes down to 0.

    By false position, halving the weight of an end that stays twice (the Illinois rule): a tenth of the evaluations
    that halving the interval takes, each of which goes through all blocks.
    """
    enough = max(_NEAR_ENOUGH * (kept - refuted), 4 * math.ulp(max(abs(refuted), abs(kept))))
    above_kept = above(kept)
    moved, look = 0, 0
    while kept - refuted > enough:
        look += 1
        between = kept - above_kept * (kept - refuted) / (above_kept - above_refuted)
        if look % 4 == 0:  # where one side is flat and the other steep, halving still comes to an end
            between = (refuted + kept) / 2
        # Never nearer to an end than this: from the root itself one look beyond it is enough.
        between = min(max(between, refuted + enough / 2), kept - enough / 2)
        found = above(between)
        if found >= 0:
            refuted, above_refuted = between, found
            above_kept = above_kept / 2 if moved > 0 else above_kept
            moved = 1
        else:
            kept, above_kept = between, found
            above_refuted = above_refuted / 2 if moved < 0 else above_refuted
            moved = -1
    return refuted


class _Standing:
    """The first thing that a block said, and the same bet begun afresh after it."""

    def __init__(self, wager: Wager) -> None:
        self.wager = wager
        self.verdict = RUNNING
        self.at_block: int | None = None
        self.afresh: tuple[Bet, Bet] | None = None
        self.is_reversed = False
        self._unsaid = RUNNING  # the first thing that a block said, which stays unsaid while too much is missing
        self._above_margin = self._below_margin = False

    def take(self, number: int, block: Block, bet_a: Bet, bet_b: Bet, *, is_silenced: bool) -> None:
        """Let one block speak: for a verdict, or against the one that stands."""
        needed = math.log(self.wager.needed)
        if self.afresh is not None:
            afresh_a, afresh_b = self.afresh
            afresh_a.take(block)
            afresh_b.take(block.swapped)
            against = {A_BETTER: afresh_b, B_BETTER: afresh_a}.get(self.verdict)
            self.is_reversed = self.is_reversed or (against is not None and against.log_wealth() >= needed)
            return
        if self._unsaid == RUNNING:
            self._hear(bet_a, bet_b, needed)
        if not is_silenced:
            self.verdict = self._unsaid
        if self.verdict == RUNNING and number == self.wager.horizon_blocks:
            self.verdict = INCONCLUSIVE
        if self.verdict != RUNNING:
            self.at_block = number
            self.afresh = (Bet(self.wager.worst_block), Bet(self.wager.worst_block))

    def _hear(self, bet_a: Bet, bet_b: Bet, needed: float) -> None:
        """Keep the first thing that the bets say, in the order of what counts within a block."""
        if self.wager.margin:
            self._above_margin = self._above_margin or bet_a.log_wealth(-self.wager.margin) >= needed
            self._below_margin = self._below_margin or bet_b.log_wealth(-self.wager.margin) >= needed
        if bet_a.log_wealth() >= needed:
            self._unsaid = A_BETTER
        elif bet_b.log_wealth() >= needed:
            self._unsaid = B_BETTER
        # An interval that has drifted lies beyond 0 with one of its bounds, and A or B has won by then.
        elif self._above_margin and self._below_margin:
            self._unsaid = EQUIVALENT
        elif len(STAKES) in (bet_a.retired, bet_b.retired):
            self._unsaid = ASSUMPTION_BROKEN


class Trial:
    """A judgement in the making: blocks are taken one by one, each in time that grows with the number before it."""

    def __init__(self, wager: Wager) -> None:
        self.wager = wager
        self._blocks: list[Block] = []
        self._evidence: list[tuple[float, float]] = []
        self._bet_a, self._bet_b = Bet(wager.worst_block), Bet(wager.worst_block)
        self._lower, self._upper = _Bound(wager), _Bound(wager)
        self._standing = _Standing(wager)

    def take(self, block: Block, *, is_silenced: bool) -> None:
        """Take the next block; after one that is silenced nothing is said, but by the next that is not.

        1. Settle both bets on the block, and narrow the interval.
        2. The first block that says something gives the verdict, in the order A, B, equivalent, assumption broken,
           horizon.
        3. From the next block on the same bet starts afresh; the other side's 40 in it reverses the verdict.
        """
        self._blocks.append(block)
        self._bet_a.take(block)
        self._bet_b.take(block.swapped)
        self._lower.take(block, self._bet_a)
        self._upper.take(block.swapped, self._bet_b)
        self._standing.take(len(self._blocks), block, self._bet_a, self._bet_b, is_silenced=is_silenced)
        self._evidence.append((self._bet_a.wealth(), self._bet_b.wealth()))

    def judgement(self) -> Judgement:
        """Where it stands after the blocks so far."""
        worst, afresh, upper = self.wager.worst_block, self._standing.afresh, self._upper.edge
        return Judgement(
            verdict=self._standing.verdict,
            at_block=self._standing.at_block,
            e_a=self._bet_a.wealth(),
            e_b=self._bet_b.wealth(),
            interval=Interval(self._lower.edge, None if upper is None else -upper),
            since=(afresh[0].wealth(), afresh[1].wealth()) if afresh else None,
            is_reversed=self._standing.is_reversed,
            beyond_l=tuple(
                number for number, block in enumerate(self._blocks, start=1) if block.low < -worst or block.high > worst
            ),
            retired_a=self._bet_a.retired,
            retired_b=self._bet_b.retired,
            evidence=tuple(self._evidence),
        )


def judge(blocks: Sequence[Block], wager: Wager, silenced: Collection[int] = ()) -> Judgement:
    """Judge blocks in the order of time; `silenced` are the numbers of those after which too much was missing."""
    trial = Trial(wager)
    for number, block in enumerate(blocks, start=1):
        trial.take(block, is_silenced=number in silenced)
    return trial.judgement()
