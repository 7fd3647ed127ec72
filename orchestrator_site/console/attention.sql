-- Everything that may ask for an operator's attention, in one row; ages in seconds, NULL where there is nothing.
-- What happened is counted over a day; what waits is counted however old it is, by partial indexes where there are many.
WITH lately AS MATERIALIZED (
    SELECT outcome, count(*) AS n, max(id) AS last FROM webhook_deliveries
     WHERE received_at >= now() - interval '1 day' AND outcome IN ('rejected', 'conflict') GROUP BY outcome
), errors AS (
    SELECT engine, code, sum(count) AS n, max(day) AS day FROM engine_errors
     -- An engine that reports on an exit which the feed's quotes have settled meanwhile does nothing wrong.
     WHERE day >= (now() AT TIME ZONE 'UTC')::date - 1 AND code <> 'directive_settled' GROUP BY engine, code
)
SELECT
    (SELECT id FROM halts WHERE released_at IS NULL) AS halt,
    (SELECT count(*) FROM failed_signals WHERE discarded_at IS NULL) AS failed,
    (SELECT max(received_at) FROM failed_signals WHERE discarded_at IS NULL) AS last_failed,
    (SELECT min(received_at) FROM pending_signals) AS pending_since,
    (SELECT extract(epoch FROM now() - min(received_at))::float8 FROM pending_signals) AS oldest_wait,
    (SELECT coalesce(sum(n), 0)::bigint FROM lately WHERE outcome = 'rejected') AS rejected,
    (SELECT max(last) FROM lately WHERE outcome = 'rejected') AS last_rejected,
    (SELECT coalesce(sum(n), 0)::bigint FROM lately WHERE outcome = 'conflict') AS conflicts,
    (SELECT max(last) FROM lately WHERE outcome = 'conflict') AS last_conflict,
    (SELECT coalesce(sum(attempts), 0)::bigint FROM unknown_token_attempts
      WHERE hour >= now() - interval '1 day') AS unknown_tokens,
    (SELECT count(*) FROM missing_alerts
      WHERE noticed_at >= now() - interval '1 day' AND resolved_at IS NULL AND kind <> 'silence') AS missing_alerts,
    (SELECT max(id) FROM missing_alerts WHERE resolved_at IS NULL AND kind <> 'silence') AS last_missing,
    (SELECT string_agg(source, ', ' ORDER BY source) FROM missing_alerts
      WHERE kind = 'silence' AND resolved_at IS NULL) AS silent_sources,
    (SELECT max(id) FROM missing_alerts WHERE kind = 'silence' AND resolved_at IS NULL) AS last_silence,
    (SELECT string_agg(format('engine %s %s', engine, n), ', ' ORDER BY engine)
       FROM (SELECT engine, sum(n) AS n FROM errors GROUP BY engine) by_engine) AS engine_errors,
    (SELECT md5(string_agg(concat_ws(' ', engine, code, day), ' ' ORDER BY engine, code)) FROM errors) AS error_codes,
    (SELECT count(*) FROM exit_directives WHERE state = 'PENDING' AND expires_at < now()) AS overdue_directives,
    (SELECT min(expires_at) FROM exit_directives WHERE state = 'PENDING' AND expires_at < now()) AS first_overdue,
    (SELECT count(*) FROM incidents) - (SELECT count(*) FROM incident_acknowledgements) AS open_incidents,
    (SELECT max(id) FROM incidents) AS last_incident,
    (SELECT count(*) FROM trade_amendments WHERE state = 'PROPOSED') AS open_amendments,
    (SELECT max(id) FROM trade_amendments WHERE state = 'PROPOSED') AS last_amendment,
    (SELECT count(*) FROM policy_drafts WHERE state = 'REFUSED' AND settled_at >= now() - interval '1 day')
        AS refused_activations,
    (SELECT max(id) FROM policy_drafts WHERE state = 'REFUSED') AS last_refused,
    (SELECT count(*) FROM policy_drafts d WHERE state IN ('OPEN', 'SCHEDULED') AND NOT EXISTS (
         SELECT FROM policy_approvals a WHERE a.draft_id = d.id AND a.content_hash = d.content_hash
                                          AND NOT d.writers ? a.approver)) AS unapproved_drafts,
    (SELECT max(edited_at) FROM policy_drafts WHERE state IN ('OPEN', 'SCHEDULED')) AS last_edit,
    (SELECT count(*) FROM policy_ramps WHERE state = 'OPEN' AND approved_by = '') AS unapproved_ramps,
    (SELECT max(id) FROM policy_ramps WHERE state = 'OPEN' AND approved_by = '') AS last_ramp,
    (SELECT format('ramp %s, %s', id, outcome) FROM policy_ramps
      WHERE state = 'STOPPED' AND ended_at >= now() - interval '1 day' ORDER BY ended_at DESC LIMIT 1) AS stopped_ramp,
    (SELECT max(id) FROM policy_ramps WHERE state = 'STOPPED') AS last_stopped,
    (SELECT count(*) FROM evaluations e WHERE NOT EXISTS (
         SELECT FROM evaluation_approvals a WHERE a.evaluation_id = e.id)) AS unapproved_evaluations,
    (SELECT max(id) FROM evaluations) AS last_evaluation,
    (SELECT e.name FROM evaluation_runs r JOIN evaluations e ON e.id = r.evaluation_id
      WHERE r.ended_at >= now() - interval '7 days' ORDER BY r.attempt DESC LIMIT 1) AS ended_evaluation,
    (SELECT max(id) FROM halts WHERE drill_seconds IS NOT NULL) AS last_drill,
    (SELECT extract(day FROM now() - coalesce((SELECT max(engaged_at) FROM halts WHERE drill_seconds IS NOT NULL),
                                              (SELECT min(activated_at) FROM policy_versions)))::int) AS since_drill,
    -- One that runs has begun a minute ago.
    (SELECT coalesce(nullif(error, ''), 'no attempt comes to an end') FROM unfinished_work
      WHERE what = 'archives' AND (error <> '' OR since < now() - interval '10 minutes')) AS archiving,
    (SELECT since FROM unfinished_work WHERE what = 'archives') AS archiving_since,
    (SELECT error FROM unfinished_work WHERE what = 'months') AS months,
    (SELECT since FROM unfinished_work WHERE what = 'months') AS months_since,
    /* worker */ AS worker_age,
    (SELECT max(heartbeat_at) FROM worker_heartbeats) AS worker_seen
