"""Writes: what engines recommend, open and close, and how shadow trades follow the real ones."""

from outcomes.services.recommendations import RecommendationReport, record_recommendation
from outcomes.services.shadow_exits import expire_directives, pending_directives, report_shadow_exit
from outcomes.services.trades import close_trade, open_trade, own_trade

__all__ = [
    "RecommendationReport",
    "close_trade",
    "expire_directives",
    "open_trade",
    "own_trade",
    "pending_directives",
    "record_recommendation",
    "report_shadow_exit",
]
