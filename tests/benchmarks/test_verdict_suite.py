"""The suite that tries to fool the verdict: its streams are fair, and its fast bet is the product's."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.verdict_suite import runs as suite_runs
from benchmarks.verdict_suite.costs import cost_table
from benchmarks.verdict_suite.methods import METHODS, PRODUCT, bet_by_own_number, bet_on_blocks, method_named
from benchmarks.verdict_suite.runs import Outcome, dependent_blocks, outcomes
from benchmarks.verdict_suite.sample import Found, Promise, Sample, first_crossing, one_by_one
from benchmarks.verdict_suite.streams import STREAMS, Stream
from benchmarks.verdict_suite.tables import Row, false_table, missed, power_table, ratio, rows_of
from outcomes.core.blocks import are_dependent
from outcomes.core.evidence import A_BETTER, B_BETTER, Block, Wager, judge

by_name = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
EVERYTHING_PRICED = [stream for stream in STREAMS if "silent" not in stream.name]


def made(stream: Stream, *, runs: int = 6, blocks: int = 80, edge: float = 0.0) -> Sample:
    return stream.make(np.random.default_rng(3), runs, blocks, edge)


def named(sample: Sample, promise: Promise, run: int) -> tuple[int, int]:
    """What the product's own judge says of one run: who won, and when."""
    low, high, m = sample.block_sums()
    present = [block for block in range(m.shape[1]) if m[run, block]]
    blocks = [Block(low[run, block], high[run, block], m[run, block]) for block in present]
    found = judge(blocks, Wager(promise.worst_block[run]))
    if found.verdict not in (A_BETTER, B_BETTER) or found.at_block is None:
        return 0, 0
    return {A_BETTER: 1, B_BETTER: -1}[found.verdict], present[found.at_block - 1] + 1


@pytest.mark.parametrize("stream", EVERYTHING_PRICED, ids=lambda stream: stream.name)
def test_the_fast_bet_says_what_the_product_says(stream: Stream) -> None:
    # Promises that are too small retire stakes, and end bets.
    sample = made(stream, runs=3, blocks=24, edge=0.1)
    kept = sample.promise(20)
    promise = Promise(kept.worst_block * np.array([0.1, 0.3, 1.0]), kept.busy_signals)

    found = bet_on_blocks(sample, promise)

    expected = [named(sample, promise, run) if sample.is_separable else (0, 0) for run in range(3)]
    assert list(zip(found.winner, found.at_block, strict=True)) == expected


@by_name
def test_the_fast_flag_is_the_products(stream: Stream) -> None:
    sample = made(stream, runs=3, blocks=40)
    low, high, m = sample.block_sums()

    flags = dependent_blocks(sample)

    for run in range(3):
        blocks = [Block(low[run, block], high[run, block], m[run, block]) for block in range(40)]
        assert list(flags[run]) == [are_dependent(blocks[:number]) for number in range(1, 41)]


@pytest.mark.parametrize(
    "stream", [stream for stream in EVERYTHING_PRICED if "100/0" not in stream.name], ids=lambda stream: stream.name
)
def test_without_an_edge_a_stream_is_fair_until_it_is_stopped(stream: Stream) -> None:
    sample = made(stream, runs=200, blocks=100)

    gains = (sample.low * sample.weight * sample.taken).sum(axis=(1, 2))

    assert abs(gains.mean()) < 4 * gains.std() / math.sqrt(len(gains))


@by_name
def test_an_edge_is_what_a_gains_on_every_signal(stream: Stream) -> None:
    still, moved = made(stream), made(stream, edge=0.2)
    both = still.taken & moved.taken

    assert np.allclose((moved.low - still.low)[both], 0.2)
    assert not moved.low[~moved.taken].any()


def test_the_promise_is_the_greater_of_its_two_limits() -> None:
    calm, wild = one_by_one(np.full((1, 60, 4), 0.1)), one_by_one(np.full((1, 60, 4), 0.9))

    # Four signals of 1 R are 4 / 2; three blocks of 0.9 R are 3 x 3.6 / 2.
    assert calm.promise(60).worst_block == pytest.approx([2.0])
    assert wild.promise(60).worst_block == pytest.approx([5.4])
    assert wild.promise(60).busy_signals == [4]


def test_too_much_that_is_missing_silences_the_verdict() -> None:
    d = np.ones((1, 60, 10))
    sample = one_by_one(d)
    promise = Promise(np.array([5.0]), np.array([10.0]))
    unpriced = Sample(sample.taken, d, d, d, np.arange(10) > 0 * d, sample.weight, sample.arrived)  # one in ten

    assert list(bet_on_blocks(sample, promise).winner) == [1]
    assert list(bet_on_blocks(unpriced, promise).winner) == [0]


def test_a_block_that_is_ended_while_ahead_fools_a_root_of_its_own_number_and_none_of_what_arrived() -> None:
    # The control of the row in RESULTS.md: nobody has an edge, one method alone finds one.
    sample = made(next(s for s in STREAMS if s.name == "operator halts the day when A leads"), runs=20, blocks=400)
    promise, judged = sample.promise(60), sample.after(60)

    assert (bet_by_own_number(judged, promise).winner == 1).all()
    assert (bet_on_blocks(judged, promise).winner == 0).mean() >= 0.9


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_a_large_difference_and_its_mirror(name: str) -> None:
    sample = made(STREAMS[0], blocks=400, edge=0.2)
    mirror = replace(sample, low=-sample.low, high=-sample.high, money=-sample.money)
    promise = sample.promise(60)

    found, other = (METHODS[name](one, promise) for one in (sample, mirror))

    assert list(found.winner) == [1] * 6
    assert list(other.winner) == [-1] * 6
    assert list(found.at_block) == list(other.at_block)


def test_the_first_crossing_names_whoever_came_first() -> None:
    a, b = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]]), np.array([[0, 1, 0], [0, 0, 0], [1, 0, 0]])

    found = first_crossing(a.astype(bool), b.astype(bool))

    assert (list(found.winner), list(found.at_block)) == ([-1, 0, -1], [2, 0, 1])


def always_a(sample: Sample, promise: Promise) -> Found:
    """A method from outside, which `--method` names."""
    ones = np.ones(len(promise.worst_block), dtype=np.int64)
    return Found(ones, ones)


def test_a_method_from_outside_is_found_by_its_name() -> None:
    assert method_named(f"{__name__}:always_a") is always_a


def test_a_suite_repeats_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_runs, "PILOT", 4)
    names = [PRODUCT, f"{__name__}:always_a"]

    one, other = (
        rows_of([o for _, _, o in outcomes(STREAMS[:2], names, runs=8, seed=5)], STREAMS[:2], names) for _ in "ab"
    )

    assert one == other
    assert [row.false[names[1]] for row in one] == [1.0, 1.0]
    assert [row.blocks[names[1]] for row in one] == [1.0, 1.0]


def row(name: str, *, false: dict[str, float], blocks: dict[str, float], is_linked: bool = False) -> Row:
    found = dict.fromkeys(blocks, 0.9)
    return Row(Stream(name, STREAMS[0].make, is_linked), 400, false, found, blocks, 0.7, 0.75)


def test_bars_that_are_missed_are_named() -> None:
    rows = [
        row("calm", false={PRODUCT: 0.01, "x": 0.02, "y": 0.3}, blocks={PRODUCT: 200, "x": 100, "y": 10}),
        row("hard", false={PRODUCT: 0.08, "x": 0.04, "y": 0.3}, blocks={PRODUCT: 120, "x": 100, "y": math.inf}),
        row("correlation .3 between blocks", false={PRODUCT: 0.5}, blocks={PRODUCT: 1}, is_linked=True),
    ]
    rows[2].false |= {"x": 0.5, "y": 0.5}

    assert missed(rows[:2]) == [
        "calm: 2.00 times the blocks of the best valid method",
        "hard: 0.080 false winners, more than 0.05",
    ]
    assert missed(rows[2:]) == ["correlation .3 between blocks: DEPENDENT_BLOCKS beside 75% of the false winners"]
    assert "| hard | 0.080 ± 0.014 | 0.040 | 0.300 |" in false_table(rows, [PRODUCT, "x", "y"])
    assert "| hard | 120 | 100 | (90%) | 1.20 | 1.20 |" in power_table(rows[:2], [PRODUCT, "x", "y"])


def test_no_ratio_where_no_method_found_anything_and_an_endless_one_where_only_others_did() -> None:
    nobody = row("a", false={}, blocks={PRODUCT: math.inf, "x": math.inf})
    others = row("b", false={}, blocks={PRODUCT: math.inf, "x": 50})

    assert math.isnan(ratio(nobody, [PRODUCT, "x"]))
    assert ratio(others, [PRODUCT, "x"]) == math.inf


def test_a_larger_promise_costs_blocks_and_a_larger_difference_saves_them() -> None:
    lines = cost_table(runs=100, seed=1).splitlines()

    cells = [[float(cell) for cell in line.strip("| ").split("|")] for line in lines[2:]]
    assert [row[0] for row in cells] == [5, 8, 12, 20]
    assert all(less < more for one, other in pairwise(cells) for less, more in zip(one, other, strict=True))
    assert all(small > middle > large for _, small, middle, large, _, _ in cells)


def test_flags_are_counted_among_the_false_winners_alone() -> None:
    def piece(edge: float, winner: list[int]) -> Outcome:
        found = {PRODUCT: np.array(winner)}
        return Outcome("normal", edge, found, found, np.array([True, False, True]), np.array([True, True, False]))

    (found,) = rows_of([piece(0.0, [1, -1, 0]), piece(0.3, [1, 1, 1])], STREAMS[:1], [PRODUCT])

    assert found.false[PRODUCT] == pytest.approx(2 / 3)
    assert (found.flagged_then, found.flagged_at_end) == (0.5, 1.0)
