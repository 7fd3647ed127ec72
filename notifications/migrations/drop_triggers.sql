DROP TRIGGER halts_are_told ON halts;
DROP TRIGGER guardrail_trips_are_told ON guardrail_trips;
DROP TRIGGER incidents_are_told ON incidents;
DROP TRIGGER policy_versions_are_told ON policy_versions;
DROP TRIGGER replay_runs_are_told ON replay_runs;
DROP TRIGGER verdicts_are_told ON evaluation_blocks;
DROP TRIGGER evaluation_ends_are_told ON evaluation_runs;
DROP FUNCTION notify_of_halt, notify_of_trip, notify_of_incident, notify_of_activation, notify_of_replay,
    notify_of_verdict, notify_of_end, notify_of;
