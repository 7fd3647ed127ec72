DROP TRIGGER policy_approvals_by_another ON policy_approvals;
DROP FUNCTION refuse_approval_by_writer();
