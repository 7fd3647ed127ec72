"""Admin pages of what the engines did: everything here is read-only."""

from outcomes.admin.fills import ExitDirectiveAdmin, OwnExitAdmin, QuoteAdmin, TradeFillAdmin
from outcomes.admin.recommendations import IncidentAdmin, PermitAdmin, RecommendationAdmin, ViolationAdmin
from outcomes.admin.trades import (
    RealOutcomeAdmin,
    RealTradeAdmin,
    ShadowOutcomeAdmin,
    ShadowTradeAdmin,
)

__all__ = [
    "ExitDirectiveAdmin",
    "IncidentAdmin",
    "OwnExitAdmin",
    "PermitAdmin",
    "QuoteAdmin",
    "RealOutcomeAdmin",
    "RealTradeAdmin",
    "RecommendationAdmin",
    "ShadowOutcomeAdmin",
    "ShadowTradeAdmin",
    "TradeFillAdmin",
    "ViolationAdmin",
]
