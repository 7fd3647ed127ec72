-- Everything that is stored about one experiment; read under its lock, in one look. What the engines have done in it is
-- for nobody in particular, or for an engine that has answered or now answers from the experiment's own context and under
-- its own lease: to another, how long it takes to read would tell its role.
-- The columns of each table are put in at the marks.
SELECT clock_timestamp(), json_build_object(
    'decision', (SELECT /* ExecutionDecision */ FROM execution_policy t WHERE t.experiment_id = e.experiment_id),
    'policy', (SELECT /* PolicyVersion */ FROM policy_versions t WHERE t.version = e.policy_version),
    'experiment', (SELECT /* Experiment */ FROM experiments t WHERE t.experiment_id = e.experiment_id),
    'signal', (SELECT /* Signal */ FROM signals t WHERE t.signal_id = e.signal_id),
    'context_hash', (SELECT context_hash FROM market_contexts c WHERE c.signal_id = e.signal_id),
    'distributed', (SELECT json_object_agg(engine, distributed_at) FROM signal_distributions d
                     WHERE d.experiment_id = e.experiment_id),
    'rules_hashes', (SELECT json_object_agg(name, rules_hash) FROM engines),
    'feeder_is_active', EXISTS (SELECT FROM api_keys WHERE owner = 'feeder' AND NOT revoked
                                   AND (expiry_date IS NULL OR expiry_date > clock_timestamp()))
)::text, CASE WHEN %(answered_by)s::text IS NULL OR EXISTS (
    SELECT FROM recommendations r WHERE r.experiment_id = e.experiment_id AND r.engine = %(answered_by)s
) OR EXISTS (
    SELECT FROM signal_distributions d WHERE d.experiment_id = e.experiment_id AND d.engine = %(answered_by)s
       AND d.context_hash = %(context_hash)s AND (%(lease_token)s::uuid IS NULL OR d.lease_token = %(lease_token)s)
) THEN json_build_object(
    'recommendations', (SELECT json_agg(/* Recommendation */) FROM recommendations t
                         WHERE t.experiment_id = e.experiment_id),
    'permit', (SELECT /* Permit */ FROM permits t WHERE t.experiment_id = e.experiment_id),
    'real', (SELECT /* RealTrade */ FROM real_trades t WHERE t.experiment_id = e.experiment_id),
    'shadows', (SELECT json_agg(/* ShadowTrade */ ORDER BY t.engine) FROM shadow_trades t
                 WHERE t.experiment_id = e.experiment_id),
    'fills', (SELECT json_agg(/* TradeFill */ ORDER BY t.id) FROM trade_fills t
               WHERE t.experiment_id = e.experiment_id),
    'directives', (SELECT json_agg(/* ExitDirective */ ORDER BY t.number) FROM exit_directives t
                    WHERE t.experiment_id = e.experiment_id),
    'own_exits', (SELECT json_agg(/* OwnExit */) FROM own_exits t WHERE t.experiment_id = e.experiment_id),
    'real_outcomes', (SELECT json_agg(/* RealOutcome */ ORDER BY t.id) FROM real_outcomes t
                       WHERE t.experiment_id = e.experiment_id),
    'shadow_outcomes', (SELECT json_agg(/* ShadowOutcome */ ORDER BY t.id) FROM shadow_outcomes t
                         WHERE t.experiment_id = e.experiment_id)
)::text END
  FROM experiments e WHERE e.
