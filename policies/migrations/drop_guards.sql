-- The reverse of guards.sql.
DELETE FROM engines;
DROP TRIGGER policy_versions_append_only ON policy_versions;
DROP TRIGGER policy_approvals_append_only ON policy_approvals;
DROP TRIGGER engine_switches_append_only ON engine_switches;
DROP TRIGGER halts_are_kept ON halts;
DROP TRIGGER policy_drafts_are_kept ON policy_drafts;
DROP TRIGGER guardrail_trips_are_kept ON guardrail_trips;
