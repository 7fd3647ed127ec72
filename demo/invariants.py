"""What must hold after a run: each check is one statement that lists what breaks it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from demo.accounts import SOURCE

SHOWN = 3

# Every statement sees `mine` (the demo's experiments) and returns one row of text for each breach.
MINE = """
WITH mine AS (
    SELECT s.signal_id, e.experiment_id FROM signals s JOIN experiments e USING (signal_id) WHERE s.source = %(source)s
)
"""
CHECKS: tuple[tuple[str, str], ...] = (
    (
        "every signal has exactly one experiment and one decision",
        """
        SELECT s.signal_id::text FROM signals s
          LEFT JOIN experiments e USING (signal_id) LEFT JOIN execution_policy p USING (experiment_id)
         WHERE s.source = %(source)s
         GROUP BY s.signal_id HAVING count(e.experiment_id) <> 1 OR count(p.experiment_id) <> 1
        """,
    ),
    (
        "both engines were given the very context that is stored, by its hash",
        """
        SELECT experiment_id::text FROM mine
          JOIN market_contexts c USING (signal_id) LEFT JOIN signal_distributions d USING (experiment_id)
         GROUP BY experiment_id, c.signal_id
        HAVING count(*) FILTER (WHERE d.context_hash = c.context_hash
               AND c.context_hash = encode(sha256(convert_to(c.context::text, 'UTF8')), 'hex')) <> 2
            OR count(DISTINCT d.engine) <> 2
        """,
    ),
    (
        "both engines answered every signal, on that context",
        """
        SELECT experiment_id::text FROM mine
          JOIN market_contexts c USING (signal_id) LEFT JOIN recommendations r USING (experiment_id)
         GROUP BY experiment_id, c.signal_id
        HAVING count(DISTINCT r.engine) FILTER (WHERE r.context_hash = c.context_hash) <> 2
        """,
    ),
    (
        "at most one real trade per signal, and only by the engine that may",
        """
        SELECT experiment_id::text FROM mine
          JOIN real_trades t USING (experiment_id) JOIN execution_policy p USING (experiment_id)
         GROUP BY experiment_id HAVING count(*) > 1 OR bool_or(t.engine IS DISTINCT FROM p.executed_engine)
        """,
    ),
    (
        "every opening was traded in the role that was revealed",
        """
        SELECT r.experiment_id::text || ' ' || r.engine FROM mine JOIN recommendations r USING (experiment_id)
          LEFT JOIN real_trades t ON (t.experiment_id, t.engine, 'REAL') = (r.experiment_id, r.engine, r.role)
          LEFT JOIN shadow_trades s ON (s.experiment_id, s.engine, 'SHADOW') = (r.experiment_id, r.engine, r.role)
         WHERE (r.action = 'OPEN') <> (t.trade_id IS NOT NULL OR s.trade_id IS NOT NULL)
        """,
    ),
    (
        "nothing is left pending",
        """
        SELECT 'real trade ' || t.trade_id FROM mine JOIN real_trades t USING (experiment_id) WHERE t.status = 'OPEN'
        UNION ALL
        SELECT 'shadow trade ' || t.trade_id FROM mine JOIN shadow_trades t USING (experiment_id)
         WHERE t.status = 'OPEN'
        UNION ALL
        SELECT 'directive ' || d.id FROM mine JOIN exit_directives d USING (experiment_id) WHERE d.state = 'PENDING'
        """,
    ),
    (
        "every real exit ordered the shadow's exit",
        """
        SELECT t.trade_id::text FROM mine JOIN real_trades t USING (experiment_id)
          LEFT JOIN exit_directives d ON d.real_trade_id = t.trade_id
         WHERE t.status = 'CLOSED' AND d.id IS NULL
        """,
    ),
    (
        "shadows left at the real exit's time and conditions, bit for bit",
        """
        SELECT t.trade_id::text FROM mine JOIN exit_directives d USING (experiment_id)
          JOIN real_trades t ON t.trade_id = d.real_trade_id JOIN shadow_trades s ON s.trade_id = d.shadow_trade_id
         WHERE s.exit_time IS DISTINCT FROM t.exit_time OR d.conditions_hash IS DISTINCT FROM t.conditions_hash
        """,
    ),
    (
        "no pair breaks a rule of the comparison",
        "SELECT v.name || ' ' || v.experiment_id FROM mine JOIN pair_violations v USING (experiment_id)",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant and what breaks it."""

    name: str
    breaches: list[str]

    @property
    def holds(self) -> bool:
        """Tell whether nothing breaks it."""
        return not self.breaches

    def line(self) -> str:
        """Return the line to show."""
        if self.holds:
            return f"  ok      {self.name}"
        more = f" and {len(self.breaches) - SHOWN} more" if len(self.breaches) > SHOWN else ""
        return f"  FAILED  {self.name}: {', '.join(self.breaches[:SHOWN])}{more}"


def check_invariants() -> list[Finding]:
    """Check the demo's signals, then replay all decisions of this database."""
    findings = [Finding(name, _breaches(statement)) for name, statement in CHECKS]
    return [*findings, _replay()]


def _breaches(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(MINE + statement, {"source": SOURCE})
        return [row[0] for row in cursor.fetchall()]


def _replay() -> Finding:
    output = io.StringIO()
    try:
        call_command("replay", stdout=output, stderr=io.StringIO())
    except SystemExit as end:
        if end.code:
            return Finding("a replay of all decisions gives the same", output.getvalue().splitlines())
    return Finding(f"a replay of all decisions gives the same ({output.getvalue().strip()})", [])
