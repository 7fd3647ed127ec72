"""Methods that name a winner, each read after every block, at an error rate of 5 % for ever.

A method is one function from a `Sample` and what was promised of each run to what was `Found`. To try another, write it
here, or in a module of your own, and add it to METHODS; `make verdict-suite ARGS="--method your.module:function"` takes
it from outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module

import numpy as np
from scipy.special import stdtrit

from benchmarks.verdict_suite.sample import Flags, Floats, Found, Promise, Sample, first_crossing
from outcomes.core.evidence import LEAST_FACTOR, RUIN, STAKES

ALPHA = 0.05
NEEDED = 2 / ALPHA
MOST_MISSING = 0.05  # of an engine's openings, beyond which nothing is said
Method = Callable[[Sample, Promise], Found]


def bet_on_blocks(sample: Sample, promise: Promise) -> Found:
    """The verdict of the product (`outcomes.core.evidence`), for thousands of runs at once."""
    low, high, _ = sample.block_sums()
    return _bet(sample, low, high, promise)


def bet_by_own_number(sample: Sample, promise: Promise) -> Found:
    """The same bet on sums over the root of the signals that took part, which whoever halts a block chooses."""
    low, high, _ = sample.block_sums()
    scale = np.sqrt(sample.arrived / np.maximum(sample.counts, 1))
    return _bet(sample, low * scale, high * scale, promise)


def bet_on_sums(sample: Sample, promise: Promise) -> Found:
    """The same bet on sums over the root of a number that was fixed beforehand."""
    low, high, _ = sample.block_sums()
    scale = np.sqrt(sample.arrived / promise.busy_signals[:, None])
    return _bet(sample, low * scale, high * scale, promise)


def _bet(sample: Sample, low: Floats, high: Floats, promise: Promise) -> Found:
    if not sample.is_separable:
        nobody = np.zeros(low.shape, dtype=bool)
        return first_crossing(nobody, nobody)
    a, a_broken = wealth(low, promise.worst_block)
    b, b_broken = wealth(-high, promise.worst_block)
    # Whoever comes first counts, and a broken promise about the worst block ends it.
    for_a, for_b = (np.logical_or.accumulate(side >= NEEDED, axis=1) for side in (a, b))
    missing = np.cumsum((sample.taken & ~sample.priced).sum(axis=2), axis=1) > MOST_MISSING * np.cumsum(
        sample.counts, axis=1
    )
    ended = np.logical_or.accumulate((a_broken | b_broken) & ~for_a & ~for_b, axis=1)
    return first_crossing(for_a & ~missing & ~ended, for_b & ~missing & ~ended)


def wealth(x: Floats, worst: Floats) -> tuple[Floats, Flags]:
    """The wealth after each block, and whether every stake is retired by then."""
    unit = x / worst[:, None]
    total, live = np.zeros(x.shape), np.zeros(x.shape, dtype=bool)
    for stake, share in STAKES.items():
        alive = np.logical_and.accumulate(stake * unit >= -RUIN, axis=1)
        logs = np.cumsum(np.log(np.maximum(1 + stake * unit, LEAST_FACTOR)), axis=1)
        total += share * alive * np.exp(np.minimum(logs, 600))
        live |= alive
    return total, ~live


def plug_in_bet(sample: Sample, promise: Promise) -> Found:
    """The same bet with the stakes of its authors, from mean and variance so far: the best valid method tried.

    "aGRAPA", section B.3 of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B
    2024, arXiv 2010.09686; truncated at 0.95 of what could be lost, as the product's largest stake is.
    """
    low, high, _ = sample.block_sums()
    worst = promise.worst_block
    sides = []
    for x in (low, -high):
        number = np.arange(1, x.shape[1] + 1)
        limit = max(STAKES) / worst[:, None]
        mean = np.cumsum(x, axis=1) / (number + 1)
        spread = (worst[:, None] / 2) ** 2 + np.cumsum((x - mean) ** 2, axis=1)
        stake = np.clip(mean / (spread / (number + 1) + mean**2), 0, limit)
        stake = np.concatenate([np.zeros_like(stake[:, :1]), stake[:, :-1]], axis=1)
        logs = np.cumsum(np.log(np.maximum(1 + stake * x, LEAST_FACTOR)), axis=1)
        sides.append(logs >= math.log(NEEDED))
    if not sample.is_separable:
        sides = [np.zeros_like(side) for side in sides]
    return first_crossing(*sides)


def daily_t_test(sample: Sample, promise: Promise) -> Found:
    """Student's t-test over the pairs so far, read after every block as if it were the only time."""
    n, mean, error = _moments(sample)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.abs(mean / error) > stdtrit(np.maximum(n - 1, 1), 1 - ALPHA / 2)
    beyond &= (n > 2) & (error > 0)
    return first_crossing(beyond & (mean > 0), beyond & (mean < 0))


def version_1(sample: Sample, promise: Promise) -> Found:
    """What this product did in version 0.1: an asymptotic confidence sequence over pairs, from the hundredth on."""
    return _sequence(sample, tightest_at=200, burn_in=100)


def growthbook_and_posthog(sample: Sample, promise: Promise) -> Found:
    """The sequential test that GrowthBook and PostHog document, both with the default of 5,000.

    Equations 9 and 161 of Waudby-Smith and others, "Time-uniform central limit theory and asymptotic confidence
    sequences", arXiv 2103.06476v7; in GrowthBook `gbstats/frequentist/tests.py`, in PostHog
    `products/experiments/stats/frequentist/utils.py`. Both count the values of both engines, as two groups; with
    engines that do not correlate the variance of the difference is that of the pairs.
    """
    return _sequence(sample, tightest_at=5000, burn_in=5, groups=2)


def _sequence(sample: Sample, *, tightest_at: int, burn_in: int, groups: int = 1) -> Found:
    pairs, mean, error = _moments(sample)
    n = pairs * groups
    rho = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / tightest_at
    scaled = n * rho + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = error * np.sqrt(n) * np.sqrt(2 * scaled / (n * n * rho) * np.log(np.sqrt(scaled) / ALPHA))
    ready = (pairs >= burn_in) & (error > 0)
    return first_crossing(ready & (mean > reach), ready & (mean < -reach))


def _moments(sample: Sample) -> tuple[Floats, Floats, Floats]:
    """Number, mean and standard error of the mean of all priced pairs, after each block, in money."""
    n = np.cumsum(sample.priced.sum(axis=2), axis=1).astype(float)
    total = np.cumsum((sample.money * sample.priced).sum(axis=2), axis=1)
    squares = np.cumsum((sample.money**2 * sample.priced).sum(axis=2), axis=1)
    mean = total / np.maximum(n, 1)
    variance = np.maximum(squares - n * mean**2, 0) / np.maximum(n - 1, 1)
    # Rounding leaves a trace of variance where all values are the same.
    variance[variance < 1e-12] = 0
    return n, mean, np.sqrt(variance / np.maximum(n, 1))


PRODUCT = "bet on blocks"
METHODS: dict[str, Method] = {
    PRODUCT: bet_on_blocks,
    "bet by own number": bet_by_own_number,
    "bet on sums": bet_on_sums,
    "bet, authors' stakes": plug_in_bet,
    "daily t-test": daily_t_test,
    "version 1": version_1,
    "GrowthBook, PostHog": growthbook_and_posthog,
}


def method_named(name: str) -> Method:
    """A method of METHODS, or one from outside by `module:function`."""
    if name in METHODS:
        return METHODS[name]
    module, _, function = name.partition(":")
    method: Method = getattr(import_module(module), function)
    return method
