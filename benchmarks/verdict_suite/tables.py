"""The tables of a suite: false winners, power, and which bars are met."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.verdict_suite.methods import ALPHA, PRODUCT
from benchmarks.verdict_suite.runs import BLOCKS, EDGE, Outcome
from benchmarks.verdict_suite.streams import Stream

FOUND = 0.8  # of the runs, which power is measured at
SLOWEST = 1.5  # times the blocks of the best valid method
# What DEPENDENT_BLOCKS must stand beside, of the false winners with such a correlation between blocks.
FLAGGED = {"correlation .3 between blocks": 0.8, "correlation .6 between blocks": 0.99}


@dataclass
class Row:
    """One stream: the share of false winners, the share of runs that found A, and the blocks that 80 % of them took."""

    stream: Stream
    runs: int
    false: dict[str, float] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)
    blocks: dict[str, float] = field(default_factory=dict)  # inf where fewer than 80 % found A
    flagged_then: float = math.nan  # of the product's false winners
    flagged_at_end: float = math.nan


def rows_of(outcomes: Sequence[Outcome], streams: Sequence[Stream], methods: Sequence[str]) -> list[Row]:
    """Put the pieces together, in the order of the streams."""
    rows = []
    for stream in streams:
        still, moved = ([o for o in outcomes if o.stream == stream.name and bool(o.edge) == b] for b in (False, True))
        row = Row(stream, sum(len(o.flagged_then) for o in still))
        for method in methods:
            row.false[method] = float(np.mean(np.concatenate([o.winner[method] != 0 for o in still])))
            right = np.concatenate([o.winner[method] == 1 for o in moved])
            at = np.concatenate([o.at_block[method] for o in moved])
            row.found[method] = float(right.mean())
            row.blocks[method] = float(np.quantile(np.where(right, at, np.inf), FOUND, method="higher"))
        fooled = np.concatenate([o.winner[PRODUCT] != 0 for o in still])
        if fooled.any():
            row.flagged_then = float(np.concatenate([o.flagged_then for o in still])[fooled].mean())
            row.flagged_at_end = float(np.concatenate([o.flagged_at_end for o in still])[fooled].mean())
        rows.append(row)
    return rows


def false_table(rows: Sequence[Row], methods: Sequence[str]) -> str:
    """False winners of every method, with the standard error of the simulation for the product."""
    lines = [["without a difference", *methods]]
    for row in rows:
        own = row.false[PRODUCT]
        error = math.sqrt(own * (1 - own) / row.runs)
        cells = [f"{row.false[method]:.3f}" for method in methods]
        cells[list(methods).index(PRODUCT)] = f"{own:.3f} ± {error:.3f}"
        lines.append([row.stream.name, *cells])
    return markdown(lines)


def power_table(rows: Sequence[Row], methods: Sequence[str]) -> str:
    """Blocks to find A in 80 % of the runs; the share that found it within all blocks where that is less."""
    lines = [[f"A better by {EDGE:g} spreads of a block", *methods, "to the best valid", "valid on this stream"]]
    for row in rows:
        cells = [
            f"{row.blocks[method]:.0f}" if math.isfinite(row.blocks[method]) else f"({row.found[method]:.0%})"
            for method in methods
        ]
        everywhere = ratio(row, valid_where_the_product_is(rows))
        here = ratio(row, [method for method in methods if row.false[method] <= ALPHA])
        lines.append([row.stream.name, *cells, _times(everywhere), _times(here)])
    return markdown(lines)


def valid_where_the_product_is(rows: Sequence[Row]) -> list[str]:
    """The methods that err in at most 5 % on every stream on which the product does."""
    held = [row for row in rows if row.false[PRODUCT] <= ALPHA]
    return [method for method in rows[0].false if all(row.false[method] <= ALPHA for row in held)]


def ratio(row: Row, methods: Sequence[str]) -> float:
    """The product's blocks over the best method's; inf where only another found A, nan where none did."""
    best = min((row.blocks[method] for method in methods), default=math.inf)
    return row.blocks[PRODUCT] / best if math.isfinite(best) else math.nan


def missed(rows: Sequence[Row]) -> list[str]:
    """Every bar that is not met, in words."""
    said = []
    valid = valid_where_the_product_is(rows)
    for row in rows:
        name = row.stream.name
        if not row.stream.is_linked:
            if row.false[PRODUCT] > ALPHA:
                said.append(f"{name}: {row.false[PRODUCT]:.3f} false winners, more than {ALPHA:g}")
            if ratio(row, valid) > SLOWEST:
                said.append(f"{name}: {ratio(row, valid):.2f} times the blocks of the best valid method")
        elif row.flagged_at_end < FLAGGED[name]:
            said.append(f"{name}: DEPENDENT_BLOCKS beside {row.flagged_at_end:.0%} of the false winners")
    return said


def flags_text(rows: Sequence[Row]) -> str:
    """How often DEPENDENT_BLOCKS stands beside a false winner where blocks are linked."""
    return "\n".join(
        f"- {row.stream.name}: DEPENDENT_BLOCKS stands beside {row.flagged_at_end:.1%} of the false winners after all "
        f"{BLOCKS} blocks, and beside {row.flagged_then:.1%} at the block of the verdict."
        for row in rows
        if row.stream.is_linked and not math.isnan(row.flagged_then)
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first line is its head."""
    head, *body = lines
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---", *["--:"] * (len(head) - 1)], *body])


def _times(found: float) -> str:
    return "" if math.isnan(found) else "only others" if math.isinf(found) else f"{found:.2f}"
