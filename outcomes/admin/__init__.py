"""Admin pages of what the engines did: everything here is read-only."""

from outcomes.admin.answers import ExitDirectiveAdmin, IncidentAdmin, RecommendationAdmin, ViolationAdmin
from outcomes.admin.trades import RealOutcomeAdmin, RealTradeAdmin, ShadowOutcomeAdmin, ShadowTradeAdmin

__all__ = [
    "ExitDirectiveAdmin",
    "IncidentAdmin",
    "RealOutcomeAdmin",
    "RealTradeAdmin",
    "RecommendationAdmin",
    "ShadowOutcomeAdmin",
    "ShadowTradeAdmin",
    "ViolationAdmin",
]
