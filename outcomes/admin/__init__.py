"""Admin pages of what the engines did, of an operator's decisions about it, and of the evaluations that judge it."""

from outcomes.admin.amendments import TradeAmendmentAdmin
from outcomes.admin.evaluations import EvaluationAdmin, EvaluationBlockAdmin
from outcomes.admin.fills import ExitDirectiveAdmin, OwnExitAdmin, QuoteAdmin, TradeFillAdmin
from outcomes.admin.incidents import IncidentAdmin
from outcomes.admin.recommendations import PermitAdmin, RecommendationAdmin, ViolationAdmin
from outcomes.admin.trades import (
    RealOutcomeAdmin,
    RealTradeAdmin,
    ShadowOutcomeAdmin,
    ShadowTradeAdmin,
)

__all__ = [
    "EvaluationAdmin",
    "EvaluationBlockAdmin",
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
    "TradeAmendmentAdmin",
    "TradeFillAdmin",
    "ViolationAdmin",
]
