-- Drop what guards.sql creates, in reverse.

-- Evaluations.
DROP TRIGGER evaluation_runs_end_once ON evaluation_runs;
DROP FUNCTION keep_run();
DROP TRIGGER evaluation_approvals_by_another ON evaluation_approvals;
DROP FUNCTION refuse_own_approval();
ALTER TABLE evaluation_blocks DROP CONSTRAINT evaluation_blocks_of_a_run;
ALTER TABLE evaluation_runs DROP CONSTRAINT evaluation_runs_are_approved;
ALTER TABLE evaluation_approvals DROP CONSTRAINT evaluation_approvals_of_the_content;
ALTER TABLE evaluations DROP CONSTRAINT evaluations_id_content;
DROP TRIGGER evaluation_runs_are_kept ON evaluation_runs;
DROP TRIGGER evaluation_blocks_append_only ON evaluation_blocks;
DROP TRIGGER evaluation_approvals_append_only ON evaluation_approvals;
DROP TRIGGER evaluations_append_only ON evaluations;

-- Triggers of the trades and of what is kept.
DROP TRIGGER trade_amendments_are_kept ON trade_amendments;
DROP TRIGGER trade_amendments_are_decided_once ON trade_amendments;
DROP FUNCTION keep_amendment();
DROP TRIGGER trade_fills_are_revised_by_amendments ON trade_fills;
DROP FUNCTION keep_fill();
DROP TRIGGER permits_are_kept ON permits;
DROP TRIGGER permits_only_confirmed ON permits;
DROP FUNCTION keep_permit();
DROP TRIGGER shadow_trades_are_final ON shadow_trades;
DROP TRIGGER real_trades_are_final ON real_trades;
DROP FUNCTION keep_trade();
DROP TRIGGER own_exits_are_kept ON own_exits;
DROP TRIGGER trade_fills_append_only ON trade_fills;
DROP TRIGGER shadow_trades_are_kept ON shadow_trades;
DROP TRIGGER real_trades_are_kept ON real_trades;
DROP TRIGGER quotes_append_only ON quotes;
DROP TRIGGER incident_acknowledgements_append_only ON incident_acknowledgements;
DROP TRIGGER incidents_append_only ON incidents;
DROP TRIGGER shadow_outcomes_append_only ON shadow_outcomes;
DROP TRIGGER real_outcomes_append_only ON real_outcomes;
DROP TRIGGER recommendations_append_only ON recommendations;

-- Views.
DROP VIEW latest_shadow_outcomes;
DROP VIEW latest_real_outcomes;
DROP VIEW fills_in_force;

-- Constraints: whatever refers to another table before what it refers to.
ALTER TABLE exit_directives
    DROP CONSTRAINT exit_directives_hash_is_of_the_conditions,
    DROP CONSTRAINT exit_directives_copy_the_real_fill;
ALTER TABLE trade_amendments
    DROP CONSTRAINT trade_amendments_of_their_shadow_trade,
    DROP CONSTRAINT trade_amendments_of_their_real_trade;
ALTER TABLE own_exits
    DROP CONSTRAINT own_exits_hash_is_of_the_conditions,
    DROP CONSTRAINT own_exits_of_their_trade;
ALTER TABLE trade_fills
    DROP CONSTRAINT trade_fills_id_time_conditions,
    DROP CONSTRAINT trade_fills_hash_is_of_the_conditions,
    DROP CONSTRAINT trade_fills_of_their_shadow_trade,
    DROP CONSTRAINT trade_fills_of_their_real_trade;
ALTER TABLE shadow_trades
    DROP CONSTRAINT shadow_trades_id_experiment_engine,
    DROP CONSTRAINT shadow_trades_in_the_revealed_role,
    DROP COLUMN role;
ALTER TABLE permits
    DROP CONSTRAINT permits_in_the_revealed_role,
    DROP CONSTRAINT permits_of_the_executed_engine,
    DROP COLUMN role;
ALTER TABLE real_trades
    DROP CONSTRAINT real_trades_id_experiment_engine,
    DROP CONSTRAINT real_trades_in_the_revealed_role,
    DROP CONSTRAINT real_trades_by_the_executed_engine,
    DROP COLUMN role;
ALTER TABLE recommendations DROP CONSTRAINT recommendations_answer_a_distribution;
