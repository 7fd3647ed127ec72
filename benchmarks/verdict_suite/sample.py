"""What a stream hands to a method: many runs of blocks of signals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Whole: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """Runs by blocks by signals; a block of n signals fills its first n places, the rest is 0 throughout.

    `money` is what the books say, of the pairs that were priced. `low` and `high` are A minus B in R, between which the
    truth lies where B could not be priced. `weight` is 1/2 over the chance that the split gave this role. `arrived` are
    the signals of each block with those that a halt left out.
    """

    taken: Flags
    low: Floats
    high: Floats
    money: Floats
    priced: Flags
    weight: Floats
    arrived: Whole
    is_separable: bool = True  # False where A was always real

    def after(self, first: int) -> Sample:
        """The same runs without the first blocks."""
        names = ("taken", "low", "high", "money", "priced", "weight", "arrived")
        return replace(self, **{name: getattr(self, name)[:, first:] for name in names})

    @property
    def counts(self) -> Whole:
        """Signals of each block."""
        counted: Whole = self.taken.sum(axis=2)
        return counted

    def block_sums(self) -> tuple[Floats, Floats, Floats]:
        """x_low, x_high and m of each block; 0 where nothing took part."""
        root = np.sqrt(np.maximum(self.arrived, 1))
        weight = self.weight * self.taken
        low, high = (weight * self.low).sum(axis=2) / root, (weight * self.high).sum(axis=2) / root
        return low, high, weight.sum(axis=2) / root

    def promise(self, earlier: int) -> Promise:
        """What an operator promises by the rule, from the first `earlier` blocks.

        L is the greater of three times their largest, and of a busy block all of whose signals differ by 1 R in the
        heavier role.
        """
        low, high, _ = self.block_sums()
        largest = np.maximum(np.abs(low), np.abs(high))[:, :earlier].max(axis=1)
        busy = np.quantile(self.arrived[:, :earlier], 0.95, axis=1)
        return Promise(np.maximum(3 * largest, self.weight.max() * np.sqrt(busy)), busy)


@dataclass(frozen=True)
class Promise:
    """What each run fixes before its first block: the worst block L, and how many signals a busy one has."""

    worst_block: Floats
    busy_signals: Floats


@dataclass(frozen=True)
class Found:
    """What a method said of each run: +1 for A, -1 for B, 0 for nobody, and after which block (from 1; 0 for none)."""

    winner: Whole
    at_block: Whole


def first_crossing(a: Flags, b: Flags) -> Found:
    """The first block at which A, or else B, is said to be better; runs by blocks."""
    either = a | b
    at = np.where(either.any(axis=1), either.argmax(axis=1), -1)
    rows = np.arange(len(at))
    winner = np.where(at < 0, 0, np.where(a[rows, at], 1, -1))
    return Found(winner.astype(np.int64), (at + 1).astype(np.int64))


def one_by_one(d: Floats, weight: Floats | float = 1.0) -> Sample:
    """A sample in which every place is taken and priced, and money is R."""
    everywhere = np.ones(d.shape, dtype=bool)
    weights = np.broadcast_to(np.asarray(weight, dtype=float), d.shape).copy()
    return Sample(everywhere, d, d, d, everywhere, weights, everywhere.sum(axis=2))
