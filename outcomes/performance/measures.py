"""What is added up of closed trades and pairs, and of answers: the sums that every figure of the report follows from.

Each is kept by day in the cells of the report (`outcomes.models.ReportCell`, `AnswerCell`), so it must be a sum: what
two days come to together is what they come to apart, added. Amounts are `numeric`, so every order of adding gives the
same digits. A figure that needs another sum adds a line here, and a column by `manage.py makemigrations`.
"""

from __future__ import annotations

from itertools import product
from typing import LiteralString

from outcomes.core.trades import Provenance

# Over the columns of results.sql and pairs.sql; `p` is the P&L and `r` the R of the rows that count, else NULL.
COUNTS: dict[str, LiteralString] = {
    "n": "count(p)",
    "wins": "count(*) FILTER (WHERE p > 0)",
    "losses": "count(*) FILTER (WHERE p < 0)",
    "at_risk": "count(counted_r)",
    "unpriced": "count(*) FILTER (WHERE unpriced)",
    "violations": "count(*) FILTER (WHERE violating AND NOT unpriced)",
    "incomparable": "count(*) FILTER (WHERE pnl IS NULL AND NOT unpriced AND NOT violating)",
    "amended": "count(*) FILTER (WHERE amended)",
}
SUMS: dict[str, LiteralString] = {
    "total": "sum(p)",
    "total_2": "sum(p * p)",
    "total_3": "sum(p * p * p)",
    "total_4": "sum(p * p * (p * p))",
    "gross_profit": "sum(p) FILTER (WHERE p > 0)",
    "squared_losses": "sum(p * p) FILTER (WHERE p < 0)",
    "total_r": "sum(counted_r)",
    "total_r_2": "sum(counted_r * counted_r)",
    # Of pairs what A earned itself, so that B's follows: over those with a difference, and with one in R. Of pairs with
    # an own exit, the difference at the synchronised one.
    "total_a": "sum(a_pnl) FILTER (WHERE p IS NOT NULL)",
    "total_a_r": "sum(a_r) FILTER (WHERE counted_r IS NOT NULL)",
    "fees": "sum(fees) FILTER (WHERE p IS NOT NULL)",
    "unpriced_risk": "sum(risk_amount) FILTER (WHERE unpriced)",
}
# Where the price of an exit can come from, each with the count of it.
PROVENANCES = {value.value: f"from_{value.value.lower()}" for value in Provenance if value is not Provenance.UNPRICED}
# Differences in R by size; a bin holds its lower edge.
BIN_EDGES = ("-2", "-1", "-0.5", "-0.1", "0", "0.1", "0.5", "1", "2")
BINS = tuple(f"bin_{number}" for number in range(len(BIN_EDGES) + 1))
COUNTS |= {
    column: f"count(p) FILTER (WHERE price_provenance = '{provenance}')" for provenance, column in PROVENANCES.items()
}
COUNTS |= {column: f"count(*) FILTER (WHERE bin = {number})" for number, column in enumerate(BINS)}
MEASURES = COUNTS | SUMS
# Of a group of pairs or trades that have something in common (see groups.sql).
GROUP_SUMS = ("n", "total", "total_2", "at_risk", "total_r", "total_r_2")


# Over the columns of answers.sql; what became of the answers stands by engine and role, such as a_real_declined.
ENDINGS = ("declined", "never_opened", "pending")
ANSWER_COUNTS: dict[str, LiteralString] = {
    "experiments": "count(*)",
    "variant_a": "count(*) FILTER (WHERE variant = 'A')",
    "both": "count(*) FILTER (WHERE a_role IS NOT NULL AND b_role IS NOT NULL)",
    "a_only": "count(*) FILTER (WHERE a_role IS NOT NULL AND b_role IS NULL)",
    "b_only": "count(*) FILTER (WHERE a_role IS NULL AND b_role IS NOT NULL)",
}
ANSWER_COUNTS |= {
    f"{engine}_{role}_{ending}": (
        f"count(*) FILTER (WHERE {engine}_role = '{role.upper()}' AND {engine}_became = '{ending.upper()}')"
    )
    for engine, role, ending in product("ab", ("real", "shadow"), ENDINGS)
}

# What a report may be filtered by, and what else makes a phase; columns of experiments.sql.
FILTERS = (
    "symbol", "timeframe", "direction", "strategy", "source", "execution_mode", "policy_version", "variant", "hour",
    "provenance",
)  # fmt: skip
PHASE = ("policy_version", "strategy_version_a", "rules_hash_a", "strategy_version_b", "rules_hash_b")
DIMENSIONS = tuple(dict.fromkeys((*FILTERS, *PHASE)))
# What has so many values that slices by it and by others hold hardly more than a trade a day.
MANY_VALUED = ("symbol", "hour")
# The levels of slices: by what each tells experiments apart. One filter reads the sums of its own level, several those
# of the coarsest that knows them all.
BROAD, FULL = "broad", "full"
LEVELS = {
    FULL: DIMENSIONS, BROAD: tuple(name for name in DIMENSIONS if name not in MANY_VALUED),
} | {name: (name,) for name in FILTERS}  # fmt: skip
