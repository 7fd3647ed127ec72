"""Writes: what engines recommend, open and close, and how shadow trades follow the real ones."""

from outcomes.services.amendments import accept_amendment, propose_amendment, refuse_amendment
from outcomes.services.closings import close_trade, report_fill
from outcomes.services.directives import pending_directives, report_shadow_exit
from outcomes.services.due import settle_due
from outcomes.services.incidents import acknowledge_incident
from outcomes.services.openings import open_trade, own_trade
from outcomes.services.recommendations import RecommendationReport, confirm_permit, record_recommendation
from outcomes.services.refusals import keep_unreadable

__all__ = [
    "RecommendationReport",
    "accept_amendment",
    "acknowledge_incident",
    "close_trade",
    "confirm_permit",
    "keep_unreadable",
    "open_trade",
    "own_trade",
    "pending_directives",
    "propose_amendment",
    "record_recommendation",
    "refuse_amendment",
    "report_fill",
    "report_shadow_exit",
    "settle_due",
]
