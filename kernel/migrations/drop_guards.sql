-- The reverse of guards.sql.
DROP TRIGGER attention_marks_append_only ON attention_marks;
DROP TRIGGER audit_log_append_only ON audit_log;
DROP FUNCTION refuse_change();
