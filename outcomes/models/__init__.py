"""Tables for what the engines did and how they compare."""

from outcomes.models.incident import Incident, IncidentKind, Violation
from outcomes.models.outcome import Outcome, RealOutcome, ShadowOutcome
from outcomes.models.quote import Quote
from outcomes.models.recommendation import Action, Recommendation, Role
from outcomes.models.shadow_exit import DirectiveState, ExitDirective
from outcomes.models.trade import ExitReason, PriceProvenance, RealTrade, ShadowTrade, Trade, TradeStatus

__all__ = [
    "Action",
    "DirectiveState",
    "ExitDirective",
    "ExitReason",
    "Incident",
    "IncidentKind",
    "Outcome",
    "PriceProvenance",
    "Quote",
    "RealOutcome",
    "RealTrade",
    "Recommendation",
    "Role",
    "ShadowOutcome",
    "ShadowTrade",
    "Trade",
    "TradeStatus",
    "Violation",
]
