"""Admin pages of what the engines did: everything here is read-only."""

from outcomes.admin.recommendations import IncidentAdmin, RecommendationAdmin, ViolationAdmin
from outcomes.admin.trades import (
    ExitDirectiveAdmin,
    RealOutcomeAdmin,
    RealTradeAdmin,
    ShadowOutcomeAdmin,
    ShadowTradeAdmin,
)

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
