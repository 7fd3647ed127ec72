"""Runs of a stream through every method, in pieces that processes share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from benchmarks.verdict_suite.methods import PRODUCT, method_named
from benchmarks.verdict_suite.sample import Flags, Floats, Sample, Whole
from benchmarks.verdict_suite.streams import STREAMS, Stream

EARLIER = 60  # blocks from which L is drawn
BLOCKS = 500  # that are then judged
PIECE = 250  # runs that a process makes at once
PILOT = 100  # runs that measure the spread of a stream's blocks
EDGE = 0.3  # spreads of a block, by which A is better


@dataclass(frozen=True)
class Outcome:
    """What the methods said of some runs; `edge` in spreads of a block, 0 without a difference."""

    stream: str
    edge: float
    winner: Mapping[str, Whole]
    at_block: Mapping[str, Whole]
    flagged_then: Flags  # DEPENDENT_BLOCKS stands at the product's verdict
    flagged_at_end: Flags


def outcomes(
    streams: Sequence[Stream], methods: Sequence[str], *, runs: int, seed: int
) -> Iterator[tuple[int, int, Outcome]]:
    """Every piece as it is done, with how many are done and how many there are."""
    pieces = [
        (number, edge, min(PIECE, runs - begun), [seed, number, begun])
        for number, stream in enumerate(STREAMS)
        if stream in streams
        for edge in (0.0, EDGE)
        for begun in range(0, runs, PIECE)
    ]
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, initializer=os.nice, initargs=(10,)) as pool:
        waiting = [pool.submit(_piece, *piece, list(methods)) for piece in pieces]
        for done, future in enumerate(as_completed(waiting), start=1):
            yield done, len(pieces), future.result()


def _piece(number: int, edge: float, size: int, entropy: list[int], methods: Sequence[str]) -> Outcome:
    stream = STREAMS[number]
    # With and without an edge the draws are the same, so that the two differ in nothing else.
    whole = stream.make(np.random.default_rng(entropy), size, EARLIER + BLOCKS, edge * _spread(stream) if edge else 0.0)
    promise, sample = whole.promise(EARLIER), whole.after(EARLIER)
    found = {name: method_named(name)(sample, promise) for name in methods}
    flags = dependent_blocks(sample)
    then = np.maximum(found[PRODUCT].at_block - 1, 0)
    return Outcome(
        stream.name,
        edge,
        {name: one.winner for name, one in found.items()},
        {name: one.at_block for name, one in found.items()},
        flags[np.arange(size), then],
        flags[:, -1],
    )


def _spread(stream: Stream) -> float:
    """What a signal must gain to move its block by one standard deviation."""
    low, high, m = stream.make(np.random.default_rng(1), PILOT, BLOCKS, 0.0).block_sums()
    present = m > 0
    return float(((low + high) / 2)[present].std() / m[present].mean())


def dependent_blocks(sample: Sample) -> Flags:
    """Whether DEPENDENT_BLOCKS stands, after each block (`outcomes.core.blocks`)."""
    low, high, _ = sample.block_sums()
    x: Floats = (low + high) / 2
    n = np.arange(1, x.shape[1] + 1)
    total, squares = np.cumsum(x, axis=1), np.cumsum(x**2, axis=1)
    products = np.concatenate([np.zeros_like(x[:, :1]), np.cumsum(x[:, 1:] * x[:, :-1], axis=1)], axis=1)
    mean = total / n
    together = products - mean * (2 * total - x[:, :1] - x) + (n - 1) * mean**2
    spread = squares - n * mean**2
    # Rounding leaves a trace of spread where all blocks so far are the same.
    flags: Flags = (n >= 3) & (spread > 1e-12 * squares) & (together > 2 / np.sqrt(n) * spread)
    return flags
