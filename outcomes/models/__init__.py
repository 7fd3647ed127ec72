"""Tables for what the engines did and how they compare."""

from outcomes.models.amendment import DECIDE_AMENDMENTS, AmendmentKind, AmendmentState, TradeAmendment
from outcomes.models.evaluation import (
    Evaluation,
    EvaluationApproval,
    EvaluationBlock,
    EvaluationExits,
    EvaluationMark,
    EvaluationRun,
    RunState,
)
from outcomes.models.fill import ENTRY, EXIT, SYNCHRONISED_REF, TradeFill
from outcomes.models.incident import (
    ACKNOWLEDGE_INCIDENTS,
    Incident,
    IncidentAcknowledgement,
    IncidentKind,
    Violation,
)
from outcomes.models.outcome import Outcome, RealOutcome, ShadowOutcome
from outcomes.models.quote import Quote
from outcomes.models.recommendation import Action, Permit, Recommendation, Role
from outcomes.models.report import (
    AnswerCell,
    ArchivedExperiment,
    ArchivedResult,
    GroupCell,
    KeptReport,
    ReportCell,
    ReportMark,
    ReportMonth,
    ReportSlice,
)
from outcomes.models.shadow_exit import DirectiveState, ExitDirective, OwnExit, OwnExitState
from outcomes.models.trade import LIVE_STATUSES, ExitReason, RealTrade, ShadowTrade, Trade, TradeStatus

__all__ = [
    "ACKNOWLEDGE_INCIDENTS",
    "DECIDE_AMENDMENTS",
    "ENTRY",
    "EXIT",
    "LIVE_STATUSES",
    "SYNCHRONISED_REF",
    "Action",
    "AmendmentKind",
    "AmendmentState",
    "AnswerCell",
    "ArchivedExperiment",
    "ArchivedResult",
    "DirectiveState",
    "Evaluation",
    "EvaluationApproval",
    "EvaluationBlock",
    "EvaluationExits",
    "EvaluationMark",
    "EvaluationRun",
    "ExitDirective",
    "ExitReason",
    "GroupCell",
    "Incident",
    "IncidentAcknowledgement",
    "IncidentKind",
    "KeptReport",
    "Outcome",
    "OwnExit",
    "OwnExitState",
    "Permit",
    "Quote",
    "RealOutcome",
    "RealTrade",
    "Recommendation",
    "ReportCell",
    "ReportMark",
    "ReportMonth",
    "ReportSlice",
    "Role",
    "RunState",
    "ShadowOutcome",
    "ShadowTrade",
    "Trade",
    "TradeAmendment",
    "TradeFill",
    "TradeStatus",
    "Violation",
]
