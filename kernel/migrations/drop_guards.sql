-- The reverse of guards.sql.
DROP TRIGGER audit_log_append_only ON audit_log;
DROP FUNCTION refuse_change();
