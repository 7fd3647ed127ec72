"""The figures that stand beside a verdict, never instead of it.

A fixed-n figure that is read at every look would find a winner sooner or later. The sums are
added up when a block is judged, so that nobody reads all signals to see them. A signal with a missing side has no
difference and is left out here; the verdict leaves nothing out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from kernel.values import decimal_text
from outcomes.core.blocks import Weighed, lag_correlation
from outcomes.core.judging import JudgedBlock
from outcomes.core.statistics import rank_sums, ratio_text, sign_evidence, sign_test, signed_rank_test
from outcomes.core.values import Difference

ZERO = Decimal(0)
GROUPS = ("a_real", "b_real", "both_traded")


def mean_per_signal(blocks: Sequence[JudgedBlock]) -> float:
    """The difference per signal: the middle of each block's sum over the sum of weights."""
    total = sum(one.block.low + one.block.high for one in blocks) / 2
    return total / sum(one.block.m for one in blocks)


def block_mean(blocks: Sequence[JudgedBlock]) -> float:
    """The mean over blocks of their mean weighted difference, whatever their numbers of signals."""
    means = ((one.block.low + one.block.high) / 2 * math.sqrt(one.arrived) / one.n for one in blocks)
    return math.fsum(means) / len(blocks)


def sums_of(signals: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What a block adds to the means by role, and of pairs that both traded: numbers and sums, as text."""
    complete = [signal for signal in signals if signal["d_low"] == signal["d_high"]]
    groups = {
        "a_real": [one for one in complete if one["real"] == "A"],
        "b_real": [one for one in complete if one["real"] == "B"],
        "both_traded": [one for one in complete if one["a"]["standing"] == one["b"]["standing"] == "VALUED"],
    }
    return {
        name: {"n": len(group), "sum": decimal_text(sum((Decimal(one["d_low"]) for one in group), ZERO))}
        for name, group in groups.items()
    }


def exits_sums(pairs: Iterable[tuple[Weighed, Difference]]) -> dict[str, Any]:
    """What a block adds to the comparison of exits: each signal as it is judged, and as by the other kind of exit.

    Only signals whose sides have a value under both count.
    """
    n, weights, judged, other = 0, ZERO, ZERO, ZERO
    for signal, apart in pairs:
        if signal.difference.is_complete and apart.is_complete:
            weight = Decimal(repr(signal.weight))
            n, weights = n + 1, weights + weight
            judged += weight * signal.difference.low
            other += weight * apart.low
    return {
        "n": n,
        "weights": decimal_text(weights),
        "judged": decimal_text(judged),
        "other": decimal_text(other),
    }


def figures_beside(
    blocks: Sequence[JudgedBlock], sums: Sequence[dict[str, Any]], exits: Sequence[dict[str, Any]], *, by_own: bool
) -> dict[str, Any]:
    """Everything beside the verdict that follows from the blocks and their sums.

    `exits` are what `exits_sums` found, of the blocks of which it is known; `by_own` says whether the evaluation judges
    by own exits. The tests under `fixed_n` are of the blocks' sums, and hold for one look at a time fixed beforehand.
    """
    found: dict[str, Any] = {name: _mean([one[name] for one in sums]) for name in GROUPS}
    a_real, b_real = found["a_real"]["mean"], found["b_real"]["mean"]
    # Half of what changes when the roles do: the market's answer to real orders, which no shadow gets.
    cost = None if a_real is None or b_real is None else _rounded((Decimal(b_real) - Decimal(a_real)) / 2)
    won_by_a, won_by_b = (
        sum(one.block.low > 0 for one in blocks),
        sum(one.block.high < 0 for one in blocks),
    )
    signs = sign_evidence(won_by_a, won_by_a + won_by_b)
    signed = signed_rank_test(rank_sums(Decimal(repr((one.block.low + one.block.high) / 2)) for one in blocks))
    correlation = lag_correlation([one.block for one in blocks])
    return found | {
        "execution_cost": cost,
        "exits": _exits(exits, by_own=by_own),
        # Each block counts the same here, however many signals it has.
        "mean_per_block": repr(block_mean(blocks)) if blocks else None,
        "mean_per_signal": repr(mean_per_signal(blocks)) if blocks else None,
        "lag_correlation": None if correlation is None else repr(correlation),
        "blocks_won": {
            "a": won_by_a,
            "b": won_by_b,
            "e": repr(signs.either),
            "e_for_a": repr(signs.a),
            "e_for_b": repr(signs.b),
        },
        "fixed_n": {
            "blocks": len(blocks),
            "wilcoxon_p": _text_of(None if signed is None else signed.p),
            "sign_p": _text_of(sign_test(won_by_a, won_by_b)),
        },
    }


def _exits(exits: Sequence[dict[str, Any]], *, by_own: bool) -> dict[str, Any]:
    """The same signals at the synchronised exits and at each side's own, weighed by role."""
    weights, judged, other = (
        sum((Decimal(one[name]) for one in exits), ZERO) for name in ("weights", "judged", "other")
    )
    means = [_rounded(total / weights) if weights else None for total in (judged, other)]
    synchronised, own = reversed(means) if by_own else means
    return {"n": sum(one["n"] for one in exits), "synchronised": synchronised, "own_exits": own}


def _mean(groups: Sequence[dict[str, Any]]) -> dict[str, Any]:
    n = sum(one["n"] for one in groups)
    total = sum((Decimal(one["sum"]) for one in groups), ZERO)
    return {"n": n, "mean": _rounded(total / n) if n else None}


def _rounded(amount: Decimal) -> str:
    return decimal_text(round(amount, 12))


def _text_of(p: float | None) -> str | None:
    return None if p is None else ratio_text(p)
