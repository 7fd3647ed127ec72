"""Look of the admin (django-unfold)."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Trading Orchestrator",
    "SITE_HEADER": "Trading Orchestrator",
    "SITE_SYMBOL": "balance",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
