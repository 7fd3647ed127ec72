-- The decided signals of an evaluation, by variant, that have not been counted with an earlier block: those of days that
-- no block had judged, and those of judged days that arrived too late for their block.
SELECT count(*) FILTER (WHERE e.variant = 'A'), count(*) FILTER (WHERE e.variant = 'B'),
       count(*) FILTER (WHERE s.{time} < %(begins)s)
  FROM signals s
  JOIN experiments e USING (signal_id)
 WHERE s.received_at > %(since)s AND s.received_at <= %(until)s
   AND s.replayed = %(replayed)s AND s.{time} >= %(starts_at)s AND s.{time} < %(ends)s
   AND (s.{time} >= %(begins)s OR s.received_at > %(judged_at)s)
   AND e.policy_version = %(policy_version)s
