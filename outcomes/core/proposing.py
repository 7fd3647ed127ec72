"""How long an evaluation would take, played on the desk's own blocks (contract 8.2).

Blocks are drawn with replacement from those that were, each moved so that their difference per signal is exactly what
is asked about: their spread, tails and sizes stay the desk's own. The draws come from SHA-256 of a counter, so that
the same history and question give the same answer on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kernel.canonical import sha256_hex
from outcomes.core.evidence import LEAST_FACTOR, RUIN, STAKES, Block, Wager

RUNS = 200
# Nobody waits longer; a question that takes more blocks than these is unanswered.
MOST_BLOCKS = 1_500


@dataclass(frozen=True, slots=True)
class Wait:
    """After how many blocks half and four fifths of the runs had an answer; None: fewer had one within reach."""

    half: int | None
    most: int | None

    @classmethod
    def of(cls, ends: Sequence[int | None]) -> Wait:
        """From the block at which each run had its answer."""
        known = sorted(end for end in ends if end is not None)

        def after(share: float) -> int | None:
            place = math.ceil(share * len(ends)) - 1
            return known[place] if place < len(known) else None

        return cls(after(0.5), after(0.8))


def until_better(
    blocks: Sequence[Block], wager: Wager, difference: float, *, progress: Callable[[int], None] = lambda _: None
) -> Wait:
    """How many blocks until A_BETTER, were A better by `difference` a signal."""

    def plays(run: int) -> int | None:
        drawn = _drawn(_moved(blocks, difference), f"better {difference!r} {run}")
        return _block_at(drawn, [(wager.worst_block, 0.0)], wager)

    return _played(plays, progress)


def until_equivalent(
    blocks: Sequence[Block], wager: Wager, *, progress: Callable[[int], None] = lambda _: None
) -> Wait:
    """How many blocks until EQUIVALENT, were there no difference at all."""

    def plays(run: int) -> int | None:
        drawn = _drawn(_moved(blocks, 0.0), f"equivalent {wager.margin!r} {run}")
        return _block_at(drawn, [(wager.worst_block, -wager.margin), (-wager.worst_block, wager.margin)], wager)

    return _played(plays, progress)


def blocks_left(blocks: Sequence[Block], wager: Wager, difference: float) -> int | None:
    """About how many more blocks until one of the bets has won, were A better by `difference` a signal from now on.

    A negative one lets B win, 0 asks for EQUIVALENT. Not played but reckoned, from what each stake has won so far and
    would win on average; None where no stake would get there within reach.
    """
    moved = [Block(x, x, m) for x, m in _moved(blocks, difference)]
    sides = [(blocks, moved), ([one.swapped for one in blocks], [one.swapped for one in moved])]
    if difference:
        (so_far, to_come), mu = sides[difference < 0], 0.0
        return _left(so_far, to_come, wager, mu)
    both = [_left(so_far, to_come, wager, -wager.margin) for so_far, to_come in sides]
    known = [one for one in both if one is not None]
    return max(known) if wager.margin and len(known) == len(both) else None


def _left(so_far: Sequence[Block], to_come: Sequence[Block], wager: Wager, mu: float) -> int | None:
    """The fewest blocks that any stake still needs to win on its own."""

    def won(stake: float, block: Block) -> float:
        return math.log(max(1 + stake * (block.low - mu * block.m) / wager.worst_block, LEAST_FACTOR))

    found = []
    for stake, share in STAKES.items():
        if any(stake * block.low < -RUIN * wager.worst_block for block in so_far):
            continue
        missing = math.log(wager.needed / share) - math.fsum(won(stake, block) for block in so_far)
        growth = math.fsum(won(stake, block) for block in to_come) / len(to_come)
        if missing <= 0 or growth > 0:
            found.append(max(0, math.ceil(missing / growth)) if missing > 0 else 0)
    least = min(found, default=None)
    return least if least is not None and least <= MOST_BLOCKS else None


def _played(plays: Callable[[int], int | None], progress: Callable[[int], None]) -> Wait:
    ends = []
    for run in range(1, RUNS + 1):
        ends.append(plays(run))
        progress(run)
    return Wait.of(ends)


def _moved(blocks: Sequence[Block], difference: float) -> list[tuple[float, float]]:
    """The middle and the weight of each block, moved to a mean difference per signal."""
    middles = [(block.low + block.high) / 2 for block in blocks]
    mean = math.fsum(middles) / math.fsum(block.m for block in blocks)
    return [(x + (difference - mean) * block.m, block.m) for x, block in zip(middles, blocks, strict=True)]


def _drawn(blocks: Sequence[tuple[float, float]], seed: str) -> Iterator[tuple[float, float]]:
    """Blocks drawn with replacement, as many as anybody waits for."""
    for start in range(0, MOST_BLOCKS, 8):
        digest = sha256_hex(f"{seed} {start}".encode())
        for place in range(min(8, MOST_BLOCKS - start)):
            # Eight hex digits: the bias of a remainder over some hundred blocks is far below what 200 runs can see.
            yield blocks[int(digest[8 * place : 8 * place + 8], 16) % len(blocks)]


def _block_at(drawn: Iterator[tuple[float, float]], sides: Sequence[tuple[float, float]], wager: Wager) -> int | None:
    """The first block by which the bets of all sides have won; a side is L, negative for B, and the supposed mean."""
    wealth = [dict(STAKES) for _ in sides]
    waiting = set(range(len(sides)))
    for number, (x, m) in enumerate(drawn, start=1):
        for side in list(waiting):
            worst, mu = sides[side]
            bets = {
                stake: won * max(1 + stake * (x - mu * m) / worst, LEAST_FACTOR)
                for stake, won in wealth[side].items()
                if stake * x / worst >= -RUIN
            }
            wealth[side] = bets
            if sum(bets.values()) >= wager.needed:
                waiting.discard(side)
        if not waiting:
            return number
    return None
