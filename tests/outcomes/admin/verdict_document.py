"""An evaluation's document as `evaluation_document` makes it, to be changed by a test."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

MONDAY = date(2026, 3, 2)


def make_block(number: int, x: float, **changes: Any) -> dict[str, Any]:
    """A week with four signals of weight 1 each: m = 4 / sqrt(4)."""
    first = MONDAY + timedelta(weeks=number - 1)
    block = {
        "number": number, "from": first.isoformat(), "to": (first + timedelta(days=6)).isoformat(), "n": 4,
        "arrived": 4, "x_low": str(x), "x_high": str(x), "m": "2.0", "e_a": "1.5", "e_b": "0.5",
        "interval": [None, None], "judged_at": "2026-03-09T05:00:00.000000Z", "revisions": [],
    }  # fmt: skip
    return block | changes


def make_document(*sums: float, **changes: Any) -> dict[str, Any]:
    """A running evaluation whose blocks have these sums, so many R each."""
    content: dict[str, Any] = {
        "name": "spring", "note": "B's stops are tighter.", "clock": "WALL", "starts_at": None, "metric": "R",
        "estimand": "SYNCHRONISED", "prices": "NEUTRAL", "block_days": 7, "max_hold_days": 3, "worst_block": "9.00",
        "margin": "0.00", "horizon_blocks": 100, "max_signals": None, "busy_signals": 4, "reason": "", "slices": [],
        "alpha": "0.05",
    }  # fmt: skip
    mean = {"n": 1200, "mean": "0.25"}
    document: dict[str, Any] = {
        "content": content | changes.pop("content", {}),
        "verdict": "RUNNING", "at_block": None, "since": None, "interval": [None, None], "flags": [],
        "evidence": {"a": "1.5", "b": "0.5", "needed": "40.0"},
        "phase": {"currency": "USD", "least_worst_block": "8.00", "history_blocks": 80},
        "blocks": [make_block(number, x) for number, x in enumerate(sums, start=1)],
        "counts": {
            "compared": 1200, "HOLD_EXCEEDED": 0, "opened": {"a": 100, "b": 80}, "missing": {"a": 5, "b": 0},
            "a": {"VALUED": 95, "MISSING": 5, "NO_ANSWER": 2}, "b": {"VALUED": 80, "DECLINED": 20},
        },
        "beside": {
            "a_real": mean, "b_real": {"n": 0, "mean": None}, "both_traded": {"n": 1, "mean": "-0.5"},
            "execution_cost": None, "exits": {"n": 0, "synchronised": None, "own_exits": None},
            "mean_per_block": None, "mean_per_signal": None, "lag_correlation": None,
            "blocks_won": {"a": 3, "b": 1, "e_for_a": "1.2", "e_for_b": "0.4"},
            "fixed_n": {"blocks": 4, "wilcoxon_p": "0.0004", "sign_p": None}, "slices": [], "sample_ratio": None,
        },
    }  # fmt: skip
    return document | changes
