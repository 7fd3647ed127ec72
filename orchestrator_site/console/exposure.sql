-- What each engine has at stake now and has made today (UTC), a row for each currency that it has anything in.
WITH open_now AS (
    SELECT engine, currency, count(*) AS n, sum(risk_amount) AS at_risk FROM real_trades
     WHERE status IN ('OPENING', 'OPEN') GROUP BY 1, 2
), made AS (
    SELECT engine, currency, 'real' AS kind, pnl FROM latest_real_outcomes
     WHERE exit_time >= date_trunc('day', now(), 'UTC')
    UNION ALL
    SELECT engine, currency, 'shadow', pnl FROM latest_shadow_outcomes
     WHERE exit_time >= date_trunc('day', now(), 'UTC')
), today AS (
    SELECT engine, currency, sum(pnl) FILTER (WHERE kind = 'real') AS real,
           sum(pnl) FILTER (WHERE kind = 'shadow') AS shadow FROM made GROUP BY 1, 2
)
SELECT engine, currency, coalesce(n, 0), at_risk, real, shadow
  FROM open_now FULL JOIN today USING (engine, currency) ORDER BY engine, currency
