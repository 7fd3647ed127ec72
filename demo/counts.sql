-- How far the signals of one source have come; one statement, so that the numbers belong together.
WITH mine AS (
    SELECT e.experiment_id FROM signals s JOIN experiments e USING (signal_id) WHERE s.source = %(source)s
)
SELECT
    (SELECT count(*) FROM signals WHERE source = %(source)s),
    (SELECT count(*) FROM execution_policy JOIN mine USING (experiment_id)),
    (SELECT count(*) FROM recommendations JOIN mine USING (experiment_id) WHERE engine = 'A'),
    (SELECT count(*) FROM recommendations JOIN mine USING (experiment_id) WHERE engine = 'B'),
    (SELECT count(*) FROM recommendations JOIN mine USING (experiment_id) WHERE action = 'OPEN'),
    (SELECT count(*) FROM real_trades JOIN mine USING (experiment_id)),
    (SELECT count(*) FROM shadow_trades JOIN mine USING (experiment_id)),
    (SELECT count(*) FROM real_trades JOIN mine USING (experiment_id) WHERE status = 'OPEN'),
    (SELECT count(*) FROM shadow_trades JOIN mine USING (experiment_id) WHERE status IN ('OPENING', 'OPEN')),
    (SELECT count(*) FROM shadow_trades JOIN mine USING (experiment_id) LEFT JOIN own_exits x USING (trade_id)
      WHERE x.trade_id IS NULL OR x.state = 'PENDING'),
    (SELECT count(*) FROM exit_directives JOIN mine USING (experiment_id) WHERE state = 'PENDING'),
    (SELECT count(*) FROM latest_real_outcomes JOIN mine USING (experiment_id))
        + (SELECT count(*) FROM latest_shadow_outcomes JOIN mine USING (experiment_id))
