-- Drop what guards.sql creates, in reverse.

-- Triggers of the trades and of what is kept.
DROP TRIGGER shadow_trades_entry_is_fixed ON shadow_trades;
DROP TRIGGER real_trades_entry_is_fixed ON real_trades;
DROP FUNCTION refuse_trade_identity_change();
DROP TRIGGER shadow_trades_are_kept ON shadow_trades;
DROP TRIGGER real_trades_are_kept ON real_trades;
DROP TRIGGER quotes_append_only ON quotes;
DROP TRIGGER incidents_append_only ON incidents;
DROP TRIGGER shadow_outcomes_append_only ON shadow_outcomes;
DROP TRIGGER real_outcomes_append_only ON real_outcomes;
DROP TRIGGER recommendations_append_only ON recommendations;

-- Constraints: whatever refers to another table before what it refers to.
ALTER TABLE exit_directives
    DROP CONSTRAINT exit_directives_hash_is_of_the_conditions,
    DROP CONSTRAINT exit_directives_copy_the_real_exit;
ALTER TABLE shadow_trades
    DROP CONSTRAINT shadow_trades_hash_is_of_the_conditions,
    DROP CONSTRAINT shadow_trades_in_the_revealed_role,
    DROP COLUMN role;
ALTER TABLE real_trades
    DROP CONSTRAINT real_trades_hash_is_of_the_conditions,
    DROP CONSTRAINT real_trades_id_and_exit,
    DROP CONSTRAINT real_trades_in_the_revealed_role,
    DROP CONSTRAINT real_trades_by_the_executed_engine,
    DROP COLUMN role;
ALTER TABLE recommendations DROP CONSTRAINT recommendations_answer_a_distribution;
