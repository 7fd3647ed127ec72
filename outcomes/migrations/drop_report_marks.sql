-- Drop what report_marks.sql creates, in reverse.
DROP TRIGGER kept_reports_append_only ON kept_reports;
DROP TRIGGER experiments_mark_the_report ON experiments;
DROP FUNCTION mark_report_of_created();
DROP TRIGGER pair_violations_mark_the_report ON pair_violations;
DROP TRIGGER own_exits_mark_the_report ON own_exits;
DROP TRIGGER shadow_outcomes_mark_the_report ON shadow_outcomes;
DROP TRIGGER real_outcomes_mark_the_report ON real_outcomes;
DROP TRIGGER shadow_trades_mark_the_report ON shadow_trades;
DROP TRIGGER real_trades_mark_the_report ON real_trades;
DROP TRIGGER recommendations_mark_the_report ON recommendations;
DROP FUNCTION mark_report();
