"""What stands beside a verdict: means by role, exits, signs and fixed-n tests, added up block by block."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from outcomes.core.beside import block_mean, exits_sums, figures_beside, mean_per_signal, sums_of
from outcomes.core.blocks import Weighed
from outcomes.core.evidence import Block
from outcomes.core.judging import JudgedBlock
from outcomes.core.values import Difference

MONDAY = date(2026, 3, 2)


def block(low: float, high: float | None = None, *, n: int = 4, arrived: int = 4, m: float = 2.0) -> JudgedBlock:
    return JudgedBlock(MONDAY, MONDAY, n, arrived, Block(low, low if high is None else high, m), (4, 4), (0, 0))


def signal(low: str, high: str, real: str, *standings: str) -> dict[str, Any]:
    a, b = standings or ("VALUED", "VALUED")
    return {"d_low": low, "d_high": high, "real": real, "a": {"standing": a}, "b": {"standing": b}}


def same(text: str, real: str, *standings: str) -> dict[str, Any]:
    return signal(text, text, real, *standings)


def figures(*blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of these signals, block by block."""
    return figures_beside([], [sums_of(signals) for signals in blocks], [], by_own=False)


def test_means_by_role_are_of_all_blocks_and_leave_out_what_has_no_difference() -> None:
    found = figures(
        [same("0.5", "A"), same("0.1", "A", "VALUED", "DECLINED")], [signal("-1", "2", "A"), same("0.7", "B")]
    )

    assert found["a_real"] == {"n": 2, "mean": "0.30"}
    assert found["b_real"] == {"n": 1, "mean": "0.70"}
    assert found["both_traded"] == {"n": 2, "mean": "0.60"}
    assert found["execution_cost"] == "0.20"


def test_without_blocks_there_are_no_figures() -> None:
    none = {"n": 0, "mean": None}

    assert figures_beside([], [], [], by_own=False) == {
        "a_real": none, "b_real": none, "both_traded": none, "execution_cost": None,
        "exits": {"n": 0, "synchronised": None, "own_exits": None},
        "mean_per_block": None, "mean_per_signal": None, "lag_correlation": None,
        "blocks_won": {"a": 0, "b": 0, "e": "1.0", "e_for_a": "1.0", "e_for_b": "1.0"},
        "fixed_n": {"blocks": 0, "wilcoxon_p": None, "sign_p": None},
    }  # fmt: skip


@pytest.mark.parametrize("role", ["A", "B"])
def test_what_being_real_costs_takes_signals_of_both_roles(role: str) -> None:
    assert figures([same("0.5", role)])["execution_cost"] is None


def test_a_mean_has_twelve_decimals() -> None:
    found = figures([same("0", "A"), same("0", "A"), same("1", "A"), same("-1", "B")])

    assert found["a_real"] == {"n": 3, "mean": "0.333333333333"}
    # Half of -1 less a third, of which twelve decimals are known.
    assert found["execution_cost"] == "-0.666666666666"


def test_pairs_that_both_traded_are_those_with_a_value_on_either_side() -> None:
    pairs = [("DECLINED", "VALUED"), ("DECLINED", "DECLINED"), ("VALUED", "VALUED")]

    found = figures([same("0.5", "A", *standings) for standings in pairs])

    assert (found["both_traded"]["n"], found["a_real"]["n"]) == (1, 3)


def test_the_fixed_tests_are_of_blocks_and_say_of_how_many() -> None:
    found = figures_beside([block(x) for x in (0.5, 0.2, 0.9, 0.1, -0.3, 0, 0)], [], [], by_own=False)

    # Five signs of which one is the other, 2 x (1 + 5) / 2^5; ranks of 3 against 12: 10 of 32 patterns are as extreme.
    assert found["fixed_n"] == {"blocks": 7, "wilcoxon_p": "0.3125", "sign_p": "0.375"}
    assert (found["blocks_won"]["a"], found["blocks_won"]["b"]) == (4, 1)


def test_means_of_blocks_and_what_each_foretells_are_told_as_numbers() -> None:
    found = figures_beside([block(0.5), block(1.0, 2.0, n=2), block(-0.5)], [], [], by_own=False)

    # Halves of 0.5 and -0.5, and 1.5 of two signals out of four; 1.5 over the weights of three blocks.
    assert (found["mean_per_block"], found["mean_per_signal"]) == ("0.5", "0.25")
    # 0 and 1 and -1 from the mean, so that of three only the second foretells the third.
    assert found["lag_correlation"] == "-0.5"


def test_a_block_whose_winner_is_not_known_is_won_by_nobody() -> None:
    assert figures_beside([block(-1, 2)], [], [], by_own=False)["blocks_won"]["e"] == "1.0"


def exits(*pairs: tuple[str, str, float]) -> dict[str, Any]:
    """Of the difference as it is judged, by the other kind of exit, and the weight of each signal."""

    def apart(text: str) -> Difference:
        return Difference(Decimal(-1), Decimal(1)) if text == "?" else Difference(Decimal(text), Decimal(text))

    return exits_sums((Weighed(apart(judged), weight), apart(other)) for judged, other, weight in pairs)


@pytest.mark.parametrize(("by_own", "first", "second"), [(False, "0.1875", "-0.09375"), (True, "-0.09375", "0.1875")])
def test_the_same_signals_are_shown_at_both_kinds_of_exit(by_own: bool, first: str, second: str) -> None:
    known = [exits(("0.5", "-0.25", 2.0), ("0.25", "?", 1.0)), exits(("-0.25", "0.125", 1.0), ("0", "0", 1.0))]

    found = figures_beside([], [], known, by_own=by_own)["exits"]

    # Three signals of the weight 4: (2 x 0.5 - 0.25) / 4 as judged, (-2 x 0.25 + 0.125) / 4 by the other kind.
    assert found == {"n": 3, "synchronised": first, "own_exits": second}


def test_the_means_are_of_the_middles() -> None:
    wide = block(0.0, 1.0, n=1, arrived=1)

    assert mean_per_signal([wide, block(0.5)]) == pytest.approx(0.25)
    assert block_mean([wide, block(0.5)]) == pytest.approx((0.5 + 0.25) / 2)
    # What arrived divides a block's sum, and its own signals the mean.
    assert block_mean([block(0.5, n=2, arrived=4)]) == pytest.approx(0.5 * 2 / 2)
