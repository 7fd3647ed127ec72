-- Drop what evaluation_marks.sql creates, in reverse.
DROP TRIGGER pair_violations_mark_evaluations ON pair_violations;
DROP TRIGGER own_exits_mark_evaluations ON own_exits;
DROP TRIGGER trade_fills_mark_evaluations ON trade_fills;
DROP FUNCTION mark_evaluations();
