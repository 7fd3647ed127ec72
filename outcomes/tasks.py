"""What the worker runs for this app."""

from __future__ import annotations

from outcomes import services
from outcomes.services.closings import OWN_EXIT_DAYS

# Whether anything waits for the clock: each part is answered by a partial index that holds little else.
WORK_IS_DUE = f"""
SELECT EXISTS (SELECT FROM shadow_trades WHERE status = 'OPENING')
    OR EXISTS (SELECT FROM exit_directives d LEFT JOIN shadow_trades s ON s.trade_id = d.shadow_trade_id
                WHERE d.state = 'PENDING' AND (d.expires_at <= now() OR (s.status = 'OPEN' AND d.due_at <= now())))
    OR EXISTS (SELECT FROM own_exits WHERE state = 'PENDING' AND due_at <= now())
    OR EXISTS (SELECT FROM shadow_trades s LEFT JOIN own_exits o ON o.trade_id = s.trade_id
                WHERE s.status = 'OPEN' AND NOT EXISTS (SELECT FROM real_trades r WHERE r.closed_at IS NULL
                                                           AND r.experiment_id = s.experiment_id)
                  AND (o.state <> 'PENDING' OR s.opened_at <= now() - interval '{OWN_EXIT_DAYS} days'))
    OR EXISTS (SELECT FROM real_trades WHERE prices_checked_at IS NULL AND closed_at IS NOT NULL)
"""  # noqa: S608


def settle_due() -> int:
    """Settle what is due; the number of items that moved."""
    return services.settle_due()
