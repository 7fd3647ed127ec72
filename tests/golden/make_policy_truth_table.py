"""Write tests/golden/policy_truth_table.csv: what the rules decide for every combination of inputs.

Run `python -m tests.golden.make_policy_truth_table` after changing a rule; the change then shows in
review as changed rows.
"""

from __future__ import annotations

import csv
import io
import itertools
from pathlib import Path

from policies.core.content import APP_MODES, CONFIGURED_MODES
from policies.core.rules import PolicyInputs, resolve_policy

PATH = Path(__file__).with_name("policy_truth_table.csv")
COLUMNS = (
    "app_mode", "configured_mode", "variant", "a_available", "b_available", "halted", "live_enabled",
    "execution_mode", "executed_engine", "shadow_engine", "reason",
)  # fmt: skip
YES_NO = {False: "no", True: "yes"}


def all_inputs() -> list[PolicyInputs]:
    """Return every combination of what the rules look at: 2 x 5 x 2 x 4 x 2 x 2 = 320."""
    return [
        PolicyInputs(
            app_mode=app_mode,
            configured_mode=configured_mode,
            live_enabled=live_enabled,
            split_percentage="50.00",
            policy_version=1,
            variant=variant,
            engine_a_available=a_available,
            engine_b_available=b_available,
            halted=halted,
        )
        for app_mode, configured_mode, variant, a_available, b_available, halted, live_enabled in itertools.product(
            APP_MODES, CONFIGURED_MODES, "AB", YES_NO, YES_NO, YES_NO, YES_NO
        )
    ]


def row(inputs: PolicyInputs) -> tuple[str, ...]:
    """Return one line of the table in words."""
    decision = resolve_policy(inputs)
    return (
        inputs.app_mode,
        inputs.configured_mode,
        inputs.variant,
        YES_NO[inputs.engine_a_available],
        YES_NO[inputs.engine_b_available],
        YES_NO[inputs.halted],
        YES_NO[inputs.live_enabled],
        decision.execution_mode,
        decision.executed_engine or "none",
        decision.shadow_engine,
        decision.reason,
    )


def table_text() -> str:
    """Return the whole table as CSV, sorted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted(map(row, all_inputs())))
    return text.getvalue()


if __name__ == "__main__":
    PATH.write_text(table_text())
