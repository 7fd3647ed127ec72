-- The signals that an evaluation looks at, by the New York day of its clock and in the order of arrival: those decided
-- under its policy version, and those that still wait for a decision.
SELECT e.experiment_id, (s.{time} AT TIME ZONE 'America/New_York')::date AS day, s.received_at
  FROM signals s
  LEFT JOIN experiments e USING (signal_id)
 WHERE s.received_at > %(since)s AND s.received_at <= %(until)s
   AND s.replayed = %(replayed)s AND s.{time} >= %(starts_at)s
   AND CASE WHEN e.experiment_id IS NOT NULL THEN e.policy_version = coalesce(%(policy_version)s, e.policy_version)
            ELSE s.status = 'PENDING' OR s.next_attempt_at IS NOT NULL END
 ORDER BY s.received_at, s.signal_id
