"""The guardrails that measure real outcomes: how much, and how often in a row, real trades have lost."""

from __future__ import annotations

# `{since}` is when the guardrail was last released: what was recorded before no longer counts.
MEASURES = {
    # Losses since the last real trade that was not one. Only the end of the history is read, by its index.
    "max_consecutive_real_losses": """
        WITH last_other AS (
            SELECT exit_time, trade_id FROM latest_real_outcomes WHERE pnl >= 0 AND recorded_at > {since}
             ORDER BY exit_time DESC, trade_id DESC LIMIT 1)
        SELECT count(*) FROM latest_real_outcomes o WHERE pnl < 0 AND recorded_at > {since}
           AND exit_time >= coalesce((SELECT exit_time FROM last_other), '-infinity')
           AND NOT EXISTS (SELECT FROM last_other l
                            WHERE (l.exit_time, l.trade_id) > (o.exit_time, o.trade_id))""",
    # Net loss of the current UTC day, 0 for a gain. In the currency of the limit, which is the policy's: amounts in
    # another one, which is a violation, cannot be added to it.
    "max_daily_real_loss": """
        SELECT greatest(-coalesce(sum(pnl), 0), 0) FROM latest_real_outcomes
         WHERE exit_time >= date_trunc('day', now(), 'UTC') AND recorded_at > {since}
           AND currency = (SELECT currency FROM policy_versions ORDER BY version DESC LIMIT 1)""",
}
