"""The performance figures in SQL, on `numeric` from end to end (R5.4).

The figures take their trades from a relation, so that the very same statement can be run over known
answers. Columns of that relation: kind, engine, exit_time, id, pnl, price_provenance, violating.
pnl is NULL where nobody priced the exit. Nothing here is a float: `nullif(stddev_samp(pnl), 0)` is a
sound guard on `numeric` only.
"""

from __future__ import annotations

from typing import LiteralString

from psycopg.sql import SQL, Composable, Composed

from outcomes.performance.filters import PerformanceFilters, where

# COLLATE "C": sorting 100,000 rows by the language rules of the database costs three times as much.
_OUTCOMES: LiteralString = """
SELECT {kind}::text COLLATE "C" AS kind, engine::text COLLATE "C" AS engine, exit_time, trade_id AS id, pnl,
       price_provenance, broken.experiment_id IS NOT NULL AS violating
  FROM {table}{chosen}
  LEFT JOIN (SELECT DISTINCT experiment_id FROM pair_violations) broken USING (experiment_id){where}"""

_FIGURES: LiteralString = """
WITH trades AS MATERIALIZED (SELECT *, pnl * pnl AS square FROM ({trades}) given),
headline AS (
    SELECT kind, engine, exit_time, id, pnl, square, price_provenance
      FROM trades WHERE pnl IS NOT NULL AND NOT violating
),
counts AS MATERIALIZED (
    SELECT kind, engine,
           count(*) FILTER (WHERE pnl IS NULL) AS unpriced,
           count(*) FILTER (WHERE pnl IS NOT NULL AND violating) AS violations
      FROM trades GROUP BY kind, engine
),
provenance AS MATERIALIZED (
    SELECT kind, engine, json_object_agg(price_provenance, number ORDER BY price_provenance) AS price_provenance
      FROM (SELECT kind, engine, price_provenance, count(*) AS number FROM headline GROUP BY 1, 2, 3) counted
     GROUP BY kind, engine
),
sums AS MATERIALIZED (
    SELECT kind, engine, count(*)::numeric AS n,
           count(*) FILTER (WHERE pnl > 0) AS wins,
           count(*) FILTER (WHERE pnl < 0) AS losses,
           count(*) FILTER (WHERE pnl = 0) AS flats,
           sum(pnl) AS total,
           coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
           coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS gross_loss,
           coalesce(sum(square) FILTER (WHERE pnl < 0), 0) AS squared_losses,
           nullif(stddev_samp(pnl), 0) AS sd,
           sum(square) AS total_2, sum(square * pnl) AS total_3, sum(square * square) AS total_4
      FROM headline GROUP BY kind, engine
),
-- Central moments times n^2, n^3 and n^4. Products only: `^` rounds, so it would cancel digits away.
moments AS (
    SELECT kind, engine,
           n * total_2 - total * total AS moment_2,
           n * n * total_3 - 3 * n * total * total_2 + 2 * total * total * total AS moment_3,
           n * n * n * total_4 - 4 * n * n * total * total_3 + 6 * n * total * total * total_2
               - 3 * total * total * total * total AS moment_4
      FROM sums
),
shape AS (
    SELECT kind, engine, total / (n * sd) AS sharpe,
           moment_3 / nullif(moment_2 * sqrt(moment_2), 0) AS skew,
           moment_4 / nullif(moment_2 * moment_2, 0) AS kurtosis
      FROM sums JOIN moments USING (kind, engine)
),
uncertainty AS MATERIALIZED (
    SELECT kind, engine, sharpe, skew, kurtosis,
           1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe AS variance_term
      FROM shape
),
curve AS (
    SELECT kind, engine, exit_time, id, sum(pnl) OVER so_far AS equity FROM headline
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
falls AS (
    -- The peak starts at 0: a first trade that loses is a drawdown.
    SELECT kind, engine, greatest(0, max(equity) OVER so_far) - equity AS fall FROM curve
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
drawdown AS MATERIALIZED (SELECT kind, engine, max(fall) AS max_drawdown FROM falls GROUP BY kind, engine),
days AS (
    SELECT kind, engine, sum(pnl) AS pnl FROM headline
     GROUP BY kind, engine, (exit_time AT TIME ZONE 'America/New_York')::date
),
daily AS MATERIALIZED (
    SELECT kind, engine, count(*) AS active_days, sum(pnl) AS total, nullif(stddev_samp(pnl), 0) AS sd
      FROM days GROUP BY kind, engine
)
SELECT kind, engine, unpriced, violations, coalesce(n, 0)::bigint AS n, coalesce(wins, 0) AS wins,
       coalesce(losses, 0) AS losses, coalesce(flats, 0) AS flats, coalesce(active_days, 0) AS active_days,
       coalesce(price_provenance, '{{}}'::json) AS price_provenance, coalesce(sums.total, 0) AS total_pnl,
       wins / n AS win_rate,
       sums.total / n AS average_pnl,
       gross_profit / nullif(wins, 0) AS average_win,
       -gross_loss / nullif(losses, 0) AS average_loss,
       sharpe AS sharpe_per_trade,
       daily.total / (active_days * daily.sd) * sqrt(252.00000000000000000000) AS sharpe_daily,
       CASE WHEN n > 1 THEN sums.total / nullif(sqrt(n * squared_losses), 0) END AS sortino_per_trade,
       max_drawdown,
       gross_profit / nullif(gross_loss, 0) AS profit_factor,
       CASE WHEN wins > 0 THEN gross_profit * losses / nullif(gross_loss * wins, 0) END AS payoff_ratio,
       skew, kurtosis, variance_term,
       CASE WHEN variance_term > 0 THEN sharpe * sqrt(n - 1.00000000000000000000) / sqrt(variance_term) END AS psr_z,
       CASE WHEN variance_term > 0 AND sharpe > 0
            THEN 1 + variance_term * (%(quantile)s / sharpe) * (%(quantile)s / sharpe) END AS min_track_record_length
  FROM counts
  LEFT JOIN sums USING (kind, engine)
  LEFT JOIN uncertainty USING (kind, engine)
  LEFT JOIN drawdown USING (kind, engine)
  LEFT JOIN daily USING (kind, engine)
  LEFT JOIN provenance USING (kind, engine)
 ORDER BY kind, engine
"""

# Of each stretch of the curve its last, lowest and highest point: no fall is lost by thinning out.
_CURVE: LiteralString = """
WITH trades AS ({trades}),
curve AS (
    SELECT kind, engine, exit_time, row_number() OVER so_far AS position, sum(pnl) OVER so_far AS equity,
           count(*) OVER (PARTITION BY kind, engine) AS n
      FROM trades WHERE pnl IS NOT NULL AND NOT violating
    WINDOW so_far AS (PARTITION BY kind, engine ORDER BY exit_time, id ROWS UNBOUNDED PRECEDING)
),
stretches AS (
    SELECT kind, engine, exit_time, position, equity,
           CASE WHEN n <= %(points)s THEN position ELSE position * (%(points)s / 3) / (n + 1) END AS stretch
      FROM curve
),
ranked AS (
    SELECT kind, engine, exit_time, position, equity,
           row_number() OVER (PARTITION BY kind, engine, stretch ORDER BY position DESC) AS from_last,
           row_number() OVER (PARTITION BY kind, engine, stretch ORDER BY equity, position) AS from_lowest,
           row_number() OVER (PARTITION BY kind, engine, stretch ORDER BY equity DESC, position) AS from_highest
      FROM stretches
)
SELECT kind, engine, exit_time, equity FROM ranked WHERE 1 IN (from_last, from_lowest, from_highest)
 ORDER BY kind, engine, position
"""


def outcomes_relation(filters: PerformanceFilters) -> Composed:
    """Return the stored outcomes that the filters choose: real and shadow ones side by side (R5.2)."""
    parts = [
        SQL(_OUTCOMES).format(
            kind=kind,
            table=table,
            chosen=filters.chosen_experiments(),
            where=where(filters.period(SQL("exit_time"))),
        )
        for kind, table in ((SQL("'real'"), SQL("real_outcomes")), (SQL("'shadow'"), SQL("shadow_outcomes")))
    ]
    return SQL(" UNION ALL ").join(parts)


def figures_statement(trades: Composable) -> Composed:
    """Return the statement that computes one row of figures per kind and engine of the relation."""
    return SQL(_FIGURES).format(trades=trades)


def curve_statement(trades: Composable) -> Composed:
    """Return the statement for the cumulative P&L of each kind and engine, at most `points` rows each."""
    return SQL(_CURVE).format(trades=trades)
