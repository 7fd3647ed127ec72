"""Who trades for real, for every combination of inputs: the specification's table, said without the product's code.

`python -m tests.golden.policy_truth_table` writes policy_truth_table.csv anew after the specification
has changed; the change then shows in review as changed rows. What the rules decide is compared with it.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable
from pathlib import Path

Row = dict[str, str]

PATH = Path(__file__).with_name("policy_truth_table.csv")
NO_YES = ("no", "yes")
INPUTS: dict[str, tuple[str, ...]] = {
    "app_mode": ("PAPER", "LIVE"),
    "configured_mode": ("AUTO", "SHADOW_ONLY", "ENGINE_A_PRIMARY", "ENGINE_B_PRIMARY", "SPLIT_CAPITAL"),
    "variant": ("A", "B"),
    "a_available": NO_YES,
    "b_available": NO_YES,
    "halted": NO_YES,
    "guardrail": NO_YES,
    "live_enabled": NO_YES,
}
DECISION = ("execution_mode", "executed_engine", "shadow_engine", "reason")

# In order: condition, then what it decides. VARIANT is the signal's, OTHER the engine that is not.
SPECIFICATION: list[tuple[Callable[[Row], bool], tuple[str, str, str, str]]] = [
    (lambda row: row["halted"] == "yes", ("SHADOW_ONLY", "none", "BOTH", "HALTED")),
    (lambda row: row["guardrail"] == "yes", ("SHADOW_ONLY", "none", "BOTH", "GUARDRAIL")),
    (lambda row: row["configured_mode"] == "SHADOW_ONLY", ("SHADOW_ONLY", "none", "BOTH", "CONFIGURED")),
    (lambda row: row["a_available"] == "no", ("SHADOW_ONLY", "none", "BOTH", "ENGINE_A_UNAVAILABLE")),
    (
        lambda row: row["app_mode"] == "LIVE" and (row["live_enabled"] == "no" or row["configured_mode"] == "AUTO"),
        ("SHADOW_ONLY", "none", "BOTH", "LIVE_NOT_ENABLED"),
    ),
    (lambda row: row["configured_mode"] == "AUTO", ("ENGINE_A_PRIMARY", "A", "B", "PAPER_DEFAULT")),
    (lambda row: row["configured_mode"] == "ENGINE_A_PRIMARY", ("ENGINE_A_PRIMARY", "A", "B", "CONFIGURED")),
    (
        lambda row: (
            row["b_available"] == "no"
            and (row["configured_mode"], row["variant"])
            in {("ENGINE_B_PRIMARY", "A"), ("ENGINE_B_PRIMARY", "B"), ("SPLIT_CAPITAL", "B")}
        ),
        ("SHADOW_ONLY", "none", "BOTH", "ENGINE_B_UNAVAILABLE"),
    ),
    (lambda row: row["configured_mode"] == "ENGINE_B_PRIMARY", ("ENGINE_B_PRIMARY", "B", "A", "CONFIGURED")),
    (lambda row: row["configured_mode"] == "SPLIT_CAPITAL", ("SPLIT_CAPITAL", "VARIANT", "OTHER", "SPLIT")),
]


def combinations() -> list[Row]:
    """Every combination of what the rules look at."""
    return [dict(zip(INPUTS, values, strict=True)) for values in itertools.product(*INPUTS.values())]


def place_of(row: Row) -> int:
    """Which condition of the specification decides; the first that holds does."""
    return next(place for place, (condition, _) in enumerate(SPECIFICATION) if condition(row))


def specified(row: Row) -> Row:
    """The decision that the specification gives to a combination."""
    words = {"VARIANT": row["variant"], "OTHER": {"A": "B", "B": "A"}[row["variant"]]}
    return {name: words.get(word, word) for name, word in zip(DECISION, SPECIFICATION[place_of(row)][1], strict=True)}


def golden_rows() -> list[Row]:
    """The rows as they stand in the file."""
    with PATH.open(newline="") as file:
        return list(csv.DictReader(file))


def table_text() -> str:
    """The whole table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*INPUTS, *DECISION], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | specified(row) for row in combinations())
    return text.getvalue()


if __name__ == "__main__":
    PATH.write_text(table_text())
