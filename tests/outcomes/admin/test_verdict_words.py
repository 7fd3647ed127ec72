"""What a verdict's page says in words: what was fixed, who is counted, what stands beside the verdict."""

from __future__ import annotations

from outcomes.admin import verdict_words as words
from tests.outcomes.admin.verdict_document import make_document


def test_the_unit_is_r_or_the_currency_of_the_phase() -> None:
    assert words.unit_of(make_document()) == "R"
    assert words.unit_of(make_document(content={"metric": "CURRENCY"})) == "USD"
    assert words.unit_of(make_document(content={"metric": "CURRENCY"}, phase=None)) == "of the policy's currency"


def test_what_was_fixed_is_named_with_what_it_means_and_what_was_left_out_is_not() -> None:
    content = {"slices": ["symbol=SPY", "direction=LONG"], "reason": "", "metric": "R", "note": "B is tighter."}

    assert words.content_lines({"max_signals": None, "name": "spring"} | content) == [
        ("Hypothesis", "B is tighter."),
        ("Metric", "R: return on the capital at risk"),
        ("Slices", "symbol=SPY, direction=LONG"),
    ]
    plan = {"starts_at": "2026-03-16T14:30:00.000000Z", "worst_block": "2.70", "margin": "0.10"}
    said = [("Signals from", "2026-03-16T14:30:00Z"), ("Worst block", "2.70 R"), ("Margin", "0.10 R")]
    assert words.content_lines(plan | {"metric": "R"})[1:] == said
    assert words.content_lines(plan | {"metric": "CURRENCY"})[2] == ("Worst block", "2.70")


def test_every_signal_is_counted_with_the_reasons_for_which_one_has_no_value() -> None:
    counts = make_document(1.0)["counts"]

    assert words.standing_rows(counts) == [
        ("Traded, with a value", 95, 80),
        ("Declined: worth 0", 0, 20),
        ("No answer in time: worth 0", 2, 0),
        ("No value: taken at its worst for that engine", 5, 0),
    ]
    told = [
        ("… never opened", 3, 0),
        ("… no price that counts, or still open at the deadline", 0, 0),
        ("… broke a rule", 2, 0),
    ]
    assert words.reason_rows(counts, {"A": {"never opened": 3, "broke a rule": 2}}) == told
    # What was traded without risk has no value in R.
    assert words.reason_rows(counts | {"b": {"MISSING": 1}}, {"A": {"never opened": 3, "broke a rule": 2}}) == [
        *told,
        ("… nothing at risk to divide by", 0, 1),
    ]


def test_figures_beside_the_verdict_name_their_number_and_what_is_missing() -> None:
    found = {label: value for label, value, _ in words.beside_rows(make_document(1.0))}

    assert found == {
        "While A was real": "+0.250 R over 1,200 signals",
        "While B was real": "none",
        "Cost of real execution": "none",
        "Where both traded": "-0.500 R over 1 signal",
        "At the real exit": "none",
        "At each side's own exit": "none",
        "Mean of the blocks": "none",
        "Blocks won": "A 3, B 1",
        "Wilcoxon signed rank": "p < 0.001",
        "Sign test": "none",
    }


def test_the_cost_of_being_real_is_told_as_a_share_of_the_difference() -> None:
    document = make_document(1.0)
    document["beside"] |= {
        "execution_cost": "-0.0625", "mean_per_signal": "0.25", "mean_per_block": "0.2",
        "exits": {"n": 2, "synchronised": "0.5", "own_exits": "-0.125"},
    }  # fmt: skip
    document["beside"]["fixed_n"]["sign_p"] = "0.0625"

    found = {label: value for label, value, _ in words.beside_rows(document)}

    assert found["Cost of real execution"] == "-0.062 R a signal"
    assert (found["At the real exit"], found["At each side's own exit"]) == (
        "+0.500 R over 2 signals", "-0.125 R over 2 signals",
    )  # fmt: skip
    assert (found["Mean of the blocks"], found["Sign test"]) == ("+0.200 R a signal", "p = 0.062")


def test_a_declared_slice_has_its_verdict_difference_and_evidence() -> None:
    document = make_document(1.0)
    document["beside"]["slices"] = [
        {
            "slice": "symbol=SPY", "signals": 40, "verdict": "RUNNING", "flags": ["BEYOND_L"], "e_a": "3.0",
            "e_b": "0.5", "needed": "80.0", "mean_per_signal": "0.25", "interval": ["0.1", None],
        },
        {
            "slice": "symbol=QQQ", "signals": 1, "verdict": "RUNNING", "flags": [], "e_a": "1.0", "e_b": "1.0",
            "needed": "80.0", "mean_per_signal": None, "interval": None,
        },
    ]  # fmt: skip

    assert words.slice_rows(document) == [
        ("symbol=SPY (40 signals)", "RUNNING, BEYOND_L", "+0.25 R a signal (0.1 to open); A 3, B 0.5 of 80"),
        ("symbol=QQQ (1 signal)", "RUNNING", "no difference yet; A 1, B 1 of 80"),
    ]
