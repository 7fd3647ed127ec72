"""What the charts of a verdict show and say, from its document alone."""

from __future__ import annotations

import pytest

from admin_kit.charts import Chart, Mark
from outcomes.admin.verdict_charts import charts_of
from tests.outcomes.admin.verdict_document import make_block, make_document


def charts(*sums: float, **changes: object) -> dict[str, Chart]:
    return {chart.identity: chart for chart in charts_of(make_document(*sums, **changes), "R")}


def values(chart: Chart) -> dict[str, list[object]]:
    return {series.name: list(series.values) for series in chart.series}


def test_without_a_judged_block_there_is_nothing_to_draw() -> None:
    assert charts() == {}


def test_the_evidence_is_drawn_against_the_line_that_decides_and_a_verdict_is_marked_at_its_block() -> None:
    blocks = [make_block(1, 1.0, e_a="8.5"), make_block(2, 1.0, e_a="41.0", e_b="0.001")]

    chart = charts(blocks=blocks, verdict="A_BETTER", at_block=2)["evidence"]

    assert values(chart) == {"for A": [8.5, 41.0], "for B": [0.5, 0.001], "40 decides": [40.0, 40.0]}
    assert (chart.log, chart.labels) == (True, ["2026-03-08", "2026-03-15"])
    assert chart.marks == [Mark("2026-03-15", "A is better")]
    assert chart.bounds == (0.01, 100.0)
    assert chart.summary.startswith("After 2 blocks the evidence is 41 for A and 0.001 for B; each began at 1")


def test_evidence_beyond_every_picture_is_cut_and_the_axis_makes_room_for_much() -> None:
    chart = charts(blocks=[make_block(1, 1.0, e_a="inf")])["evidence"]

    assert values(chart)["for A"] == [1e9]
    assert chart.bounds == (0.01, None)


def test_the_difference_is_the_mean_of_all_blocks_so_far_within_its_interval_and_the_margin() -> None:
    blocks = [make_block(1, 1.0), make_block(2, 0.0, interval=["-0.5", None]), make_block(3, 0.5, interval=["0", "1"])]

    chart = charts(blocks=blocks, content={"margin": "0.10"})["difference"]

    assert values(chart) == {
        "lower end of the interval": [None, -0.5, 0.0],
        "upper end": [None, None, 1.0],
        "A minus B, all blocks so far": [0.5, 0.25, 0.25],
        "+0.1, the margin": [0.1] * 3,
        "-0.1, the margin": [-0.1] * 3,
    }
    assert chart.summary == (
        "Over all blocks A minus B is +0.25 R a signal; the interval is 0 to 1."
        " It holds at every look, and never widens."
    )
    assert chart.bounds == (None, None)


@pytest.mark.parametrize(("largest", "edge"), [("9.5", 15.0), ("0.1", 10.0), ("19.0", 30.0)])
def test_the_axis_of_the_blocks_makes_room_for_the_worst_promised_and_the_worst_seen(largest: str, edge: float) -> None:
    chart = charts(blocks=[make_block(1, 0.0, x_low=f"-{largest}", x_high="0.0")])["blocks"]

    assert chart.bounds == (-edge, edge)


def test_without_a_bound_no_interval_is_drawn_or_spoken_of() -> None:
    chart = charts(-1.0, content={"margin": "0.00"})["difference"]

    assert values(chart) == {"A minus B, all blocks so far": [-0.5]}
    assert chart.summary == "Over all blocks A minus B is -0.5 R a signal."


def test_what_has_no_price_makes_the_difference_a_range() -> None:
    chart = charts(blocks=[make_block(1, 0.0, x_low="-1.0", x_high="3.0")])["difference"]

    assert "is +0.5 R a signal, the midpoint of -0.5 to +1.5: what has no price" in chart.summary


@pytest.mark.parametrize(("later", "edge"), [(0.3, 0.4), (0.7, 1.0), (0.004, 0.15)])
def test_wide_first_blocks_do_not_flatten_the_later_half(later: float, edge: float) -> None:
    first, then = [[-9.0, 9.0]] * 2, [[-later, later]] * 2
    blocks = [make_block(number, 0.2, interval=interval) for number, interval in enumerate(first + then, start=1)]

    chart = charts(blocks=blocks)["difference"]

    assert chart.bounds == (-edge, edge)
    assert chart.summary.endswith("The first blocks lie off the scale.")


def test_each_block_is_a_bar_between_the_worst_promised_with_what_is_missing_as_a_range() -> None:
    blocks = [
        make_block(1, 4.5),
        make_block(2, 0.0, x_low="-6.0", x_high="2.0", revisions=[{"judged_at": "later", "x_low": "1", "x_high": "1"}]),
    ]

    chart = charts(blocks=blocks)["blocks"]

    assert values(chart) == {
        "block difference (x)": [4.5, -2.0],
        "where a price is missing": [None, [-6.0, 2.0]],
        "+9, the assumed worst case": [9.0, 9.0],
        "-9, the assumed worst case": [-9.0, -9.0],
    }
    assert chart.bounds == (-10.0, 10.0)
    assert "The assumed worst case is 9 R: largest with all prices 4.5 R" in chart.summary
    assert [row[:6] for row in chart.rows] == [
        ("2026-03-08", "2026-03-02", 1, 4, 4, 4.5),
        ("2026-03-15", "2026-03-09", 2, 4, 4, -6.0),
    ]
    assert [row[-1] for row in chart.rows] == ["", "later: 1 to 1"]
