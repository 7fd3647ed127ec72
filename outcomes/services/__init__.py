"""Writes, by noun: what engines recommend, open, close; and how shadows follow."""

from outcomes.services.exits import close_trade
from outcomes.services.openings import open_trade
from outcomes.services.recommendations import RecommendationReport, record_recommendation
from outcomes.services.shadow_exits import expire_directives, report_shadow_exit

__all__ = [
    "RecommendationReport",
    "close_trade",
    "expire_directives",
    "open_trade",
    "record_recommendation",
    "report_shadow_exit",
]
