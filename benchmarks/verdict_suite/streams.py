"""Streams of differences without an edge, each with what has fooled a method before; amounts in R.

Every stream gives A and B the same expectation in every block, given all blocks before. `edge` is then added to what A
makes of each signal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.verdict_suite.sample import Flags, Floats, Sample, one_by_one

SIGNALS = 10  # a block, unless the stream says otherwise
SPREAD = 0.5  # R, of one difference
Generator = np.random.Generator
Make = Callable[[Generator, int, int, float], Sample]  # generator, runs, blocks, edge


@dataclass(frozen=True)
class Stream:
    """A stream by its name; `is_linked` where a block foretells the next, which no method here survives."""

    name: str
    make: Make
    is_linked: bool = False


def _plain(draw: Callable[[Generator, int, int], Floats]) -> Make:
    return lambda chance, runs, blocks, edge: one_by_one(draw(chance, runs, blocks) + edge)


def _normal(chance: Generator, runs: int, blocks: int) -> Floats:
    return SPREAD * chance.standard_normal((runs, blocks, SIGNALS))


def _t3(chance: Generator, runs: int, blocks: int) -> Floats:
    d: Floats = SPREAD / np.sqrt(3) * chance.standard_t(3, (runs, blocks, SIGNALS))
    return d


def _garch(chance: Generator, runs: int, blocks: int) -> Floats:
    d = chance.standard_normal((blocks * SIGNALS, runs))
    variance = np.full(runs, SPREAD**2)
    for number in range(len(d)):
        d[number] *= np.sqrt(variance)
        variance = 0.02 * SPREAD**2 + 0.1 * d[number] ** 2 + 0.88 * variance
    return d.T.reshape(runs, blocks, SIGNALS)


def _premium(sign: float, traded: float = 1.0) -> Callable[[Generator, int, int], Floats]:
    """Many small wins and rare large losses, of `traded` of the signals."""

    def draw(chance: Generator, runs: int, blocks: int) -> Floats:
        size = (runs, blocks, SIGNALS)
        paid = np.where(chance.random(size) < 0.05, -0.95, 0.05)
        return sign * paid * (chance.random(size) < traded)

    return draw


def _autocorrelated(rho: float) -> Callable[[Generator, int, int], Floats]:
    def draw(chance: Generator, runs: int, blocks: int) -> Floats:
        d = _normal(chance, runs, blocks)
        for place in range(1, SIGNALS):
            d[:, :, place] = rho * d[:, :, place - 1] + np.sqrt(1 - rho**2) * d[:, :, place]
        return d

    return draw


def _shared(share: float) -> Callable[[Generator, int, int], Floats]:
    """`share` of the variance is the day's own move, which all its trades have in common."""

    def draw(chance: Generator, runs: int, blocks: int) -> Floats:
        day = SPREAD * chance.standard_normal((runs, blocks, 1))
        d: Floats = np.sqrt(share) * day + np.sqrt(1 - share) * _normal(chance, runs, blocks)
        return d

    return draw


def _crashes(often: float, hit: float) -> Callable[[Generator, int, int], Floats]:
    """On rare days a share `hit` of the trades loses 0.95 R; on all others they earn what that costs."""

    def draw(chance: Generator, runs: int, blocks: int) -> Floats:
        crash = chance.random((runs, blocks, 1)) < often
        loses = crash & (np.arange(SIGNALS) < hit * SIGNALS)
        gain = 0.95 * often * hit / (1 - often * hit)
        return np.where(loses, -0.95, gain) + 0.1 * chance.standard_normal((runs, blocks, SIGNALS))

    return draw


def _regimes(chance: Generator, runs: int, blocks: int) -> Floats:
    """Quiet and wild markets in turn, thirty blocks each on average; in wild ones A sells premium."""
    wild = np.cumsum(chance.random((runs, blocks, 1)) < 1 / 30, axis=1) % 2 == 1
    return np.where(wild, 2 * _premium(1.0)(chance, runs, blocks), 0.5 * _normal(chance, runs, blocks))


def _holds(days: int) -> Make:
    """Trades that are held for `days` days and share each day's move, two a day, in blocks of twice that length."""

    def draw(chance: Generator, runs: int, blocks: int) -> Floats:
        total = blocks * 2 * days
        market = np.cumsum(chance.standard_normal((runs, total + days)), axis=1)
        held = (market[:, days:] - market[:, :-days]) / np.sqrt(days)  # by the day of entry, over the days after it
        own = chance.standard_normal((runs, total, 2))
        d: Floats = SPREAD * (np.sqrt(0.5) * held[:, :, None] + np.sqrt(0.5) * own)
        return d.reshape(runs, blocks, 4 * days)

    return _plain(draw)


def _roles(split: float) -> Make:
    """Being real costs 0.1 R, and A is real in `split` of the signals."""

    def make(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
        a_is_real = chance.random((runs, blocks, SIGNALS)) < split
        d = _normal(chance, runs, blocks) + np.where(a_is_real, -0.1, 0.1) + edge
        weight = np.where(a_is_real, 0.5 / split, 0.5 / (1 - split) if split < 1 else 0.0)
        whole = one_by_one(d, weight)
        return Sample(whole.taken, d, d, d, whole.priced, weight, whole.arrived, is_separable=split < 1)

    return make


def _sizes(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
    """Both earn 0.05 R a trade; A sends ten contracts, B one."""
    a, b = (0.05 + _normal(chance, runs, blocks) / np.sqrt(2) for _ in "ab")
    a += edge
    whole = one_by_one(a - b)
    return Sample(whole.taken, a - b, a - b, 10 * a - b, whole.priced, whole.weight, whole.arrived)


def _busy_days(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
    """From one to thirty signals a day, which share 30 % of their variance."""
    numbers = np.clip(chance.geometric(0.12, (runs, blocks, 1)), 1, 30)
    taken: Flags = np.arange(30) < numbers
    day = SPREAD * chance.standard_normal((runs, blocks, 1))
    own = SPREAD * chance.standard_normal((runs, blocks, 30))
    d = taken * (np.sqrt(0.3) * day + np.sqrt(0.7) * own + edge)
    return Sample(taken, d, d, d, taken, np.ones(d.shape), taken.sum(axis=2))


def _silence(share: float) -> Make:
    """B leaves `share` of its losers unpriced; values stay within 1 R."""

    def make(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
        a, b = (np.clip(_normal(chance, runs, blocks) / np.sqrt(2), -1, 1) for _ in "ab")
        a += edge
        silent = (b < 0) & (chance.random(b.shape) < share)
        whole = one_by_one(a - b)
        low, high = np.where(silent, a - 1, a - b), np.where(silent, a + 1, a - b)
        return Sample(whole.taken, low, high, (a - b) * ~silent, ~silent, whole.weight, whole.arrived)

    return make


def _stops_ahead(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
    """The operator ends everything at the first block, from the 80th on, at which A leads by 1.5 standard errors."""
    d = _normal(chance, runs, blocks) + edge
    sums = np.cumsum(d.sum(axis=2), axis=1)
    leads = sums > 1.5 * SPREAD * np.sqrt(SIGNALS * np.arange(1, blocks + 1))
    leads[:, :80] = False
    taken: Flags = np.broadcast_to((np.cumsum(leads, axis=1) - leads == 0)[:, :, None], d.shape)
    return _halted(d, taken, np.ones(d.shape))


def _halted(d: Floats, taken: Flags, weight: Floats) -> Sample:
    """Everything arrives, and what a halt has left out is not compared."""
    d = d * taken
    return Sample(taken, d, d, d, taken, weight, np.full(d.shape[:2], d.shape[2]))


def _guardrail(split: float, calm: float = 1.0) -> Make:
    """A guardrail halts the day once its real trades have lost 1 R; B's results are `calm` times as wide as A's."""

    def make(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
        a, b = (_normal(chance, runs, blocks) / np.sqrt(2) for _ in "ab")
        a += edge
        b *= calm
        a_is_real = chance.random(a.shape) < split
        lost = np.cumsum(np.where(a_is_real, a, b), axis=2) < -1
        taken: Flags = np.cumsum(lost, axis=2) - lost == 0
        return _halted(a - b, taken, np.where(a_is_real, 0.5 / split, 0.5 / (1 - split)))

    return make


def _quits_ahead(chance: Generator, runs: int, blocks: int, edge: float) -> Sample:
    """The operator halts trading for the day as soon as A is ahead by 0.5 R."""
    d = _normal(chance, runs, blocks) + edge
    ahead = np.cumsum(d, axis=2) > 0.5
    taken: Flags = np.cumsum(ahead, axis=2) - ahead == 0  # nothing after the first signal that put A ahead
    return _halted(d, taken, np.ones(d.shape))


def _linked(rho: float) -> Callable[[Generator, int, int], Floats]:
    """Each block's move continues the last one's."""

    def draw(chance: Generator, runs: int, blocks: int) -> Floats:
        day = chance.standard_normal((runs, blocks, 1))
        for block in range(1, blocks):
            day[:, block] = rho * day[:, block - 1] + np.sqrt(1 - rho**2) * day[:, block]
        # The block's sum is the move alone, so that rho is the correlation of what is bet on.
        d: Floats = SPREAD / np.sqrt(SIGNALS) * np.broadcast_to(day, (runs, blocks, SIGNALS))
        return d

    return draw


STREAMS = (
    Stream("normal", _plain(_normal)),
    Stream("Student's t, 3 degrees", _plain(_t3)),
    Stream("GARCH", _plain(_garch)),
    Stream("A sells premium", _plain(_premium(1.0))),
    Stream("B sells premium", _plain(_premium(-1.0))),
    Stream("A sells premium, 60 % zeros", _plain(_premium(1.0, traded=0.4))),
    Stream("autocorrelation .3 inside blocks", _plain(_autocorrelated(0.3))),
    Stream("autocorrelation .6 inside blocks", _plain(_autocorrelated(0.6))),
    Stream("shared day moves, 30 %", _plain(_shared(0.3))),
    Stream("shared day moves, 70 %", _plain(_shared(0.7))),
    Stream("5 % crash days, all ten lose", _plain(_crashes(0.05, 1.0))),
    Stream("5 % crash days, half lose", _plain(_crashes(0.05, 0.5))),
    Stream("1 % crash days, all ten lose", _plain(_crashes(0.01, 1.0))),
    Stream("quiet and wild regimes", _plain(_regimes)),
    Stream("holds of 3 days, blocks of 6", _holds(3)),
    Stream("holds of 10 days, blocks of 20", _holds(10)),
    Stream("being real costs, split 50/50", _roles(0.5)),
    Stream("being real costs, split 70/30", _roles(0.7)),
    Stream("being real costs, split 90/10", _roles(0.9)),
    Stream("being real costs, split 100/0", _roles(1.0)),
    Stream("10 contracts against 1", _sizes),
    Stream("1 to 30 signals a day", _busy_days),
    Stream("B silent on 1 loser in 4", _silence(0.25)),
    Stream("B silent on 1 loser in 12", _silence(1 / 12)),
    Stream("operator stops when A leads", _stops_ahead),
    Stream("guardrail halts the day, split 50/50", _guardrail(0.5)),
    Stream("guardrail halts the day, split 70/30", _guardrail(0.7)),
    Stream("guardrail halts the day, B calmer than A", _guardrail(0.5, calm=0.25)),
    Stream("operator halts the day when A leads", _quits_ahead),
    Stream("correlation .3 between blocks", _plain(_linked(0.3)), is_linked=True),
    Stream("correlation .6 between blocks", _plain(_linked(0.6)), is_linked=True),
)
