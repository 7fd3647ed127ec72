"""Bars day by day for tests in which the engines know no others: an alert a bar, from October 2007 on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from django.conf import settings

from demo.bars import WARM_UP, ReplayBar, chart, read_bars
from demo.run import BARS_FILE

FIRST_DAY = date(2007, 10, 1)


def daily_bars(count: int, *tickers: str) -> list[ReplayBar]:
    """So many bars after the warm-up, each ticker with about the same number, of all tickers or of some."""
    history = read_bars(Path(settings.BASE_DIR) / BARS_FILE)
    chosen = tickers or tuple(history)
    each, more = divmod(count, len(chosen))
    cut = {}
    for position, ticker in enumerate(chosen):
        since = [bar for bar in history[ticker] if bar.day >= FIRST_DAY]
        cut[ticker] = since[: WARM_UP + each + (position < more)]
    return chart(cut)
