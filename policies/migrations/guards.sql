-- Versions are what decisions pin; drafts, halts and trips tell how it came to them.
CREATE TRIGGER policy_versions_append_only BEFORE UPDATE OR DELETE ON policy_versions
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_approvals_append_only BEFORE UPDATE OR DELETE ON policy_approvals
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER engine_switches_append_only BEFORE UPDATE OR DELETE ON engine_switches
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER halts_are_kept BEFORE DELETE ON halts
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_drafts_are_kept BEFORE DELETE ON policy_drafts
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER guardrail_trips_are_kept BEFORE DELETE ON guardrail_trips
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The two engines exist from the start; nobody creates or deletes one.
INSERT INTO engines (name, enabled, disabled_reason, engine_version, rules_hash)
VALUES ('A', true, '', '', ''), ('B', true, '', '', '');
