"""What the worst block and the margin cost: how many blocks the bet takes, in spreads of a block."""

from __future__ import annotations

import numpy as np

from benchmarks.verdict_suite.methods import NEEDED, wealth
from benchmarks.verdict_suite.sample import Floats
from benchmarks.verdict_suite.tables import FOUND, markdown

WORST = (5, 8, 12, 20)
DIFFERENCES = (0.2, 0.3, 0.5)
MARGINS = (0.2, 0.3)
BLOCKS = 1_000  # none takes as many


def cost_table(runs: int, seed: int) -> str:
    """Blocks until 80 % of the runs have a verdict: A_BETTER at a true difference, EQUIVALENT at none."""
    x = np.random.default_rng(seed).standard_normal((runs, BLOCKS))
    lines = [
        ["worst block", *(f"A better by {edge:g}" for edge in DIFFERENCES), *(f"margin {width:g}" for width in MARGINS)]
    ]
    for worst in WORST:
        promise = np.full(runs, float(worst))

        def reached(moved: Floats, promise: Floats = promise) -> Floats:
            crossed = wealth(moved, promise)[0] >= NEEDED
            return np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1.0, np.inf)

        found = [reached(x + edge) for edge in DIFFERENCES]
        found += [np.maximum(reached(x + width), reached(width - x)) for width in MARGINS]
        lines.append([str(worst), *(f"{np.quantile(one, FOUND, method='higher'):.0f}" for one in found)])
    return markdown(lines)
