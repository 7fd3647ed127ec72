"""Tables of who may trade for real."""

from policies.models.brakes import GuardrailTrip, Halt
from policies.models.draft import DraftState, PolicyApproval, PolicyDraft
from policies.models.engine import Engine, EngineAvailability, EngineErrors, EngineName, EngineSwitch
from policies.models.keys import ApiKey, KeyOwner
from policies.models.policy import PolicyContent, PolicyVersion
from policies.models.ramp import PolicyRamp, RampState

__all__ = [
    "ApiKey",
    "DraftState",
    "Engine",
    "EngineAvailability",
    "EngineErrors",
    "EngineName",
    "EngineSwitch",
    "GuardrailTrip",
    "Halt",
    "KeyOwner",
    "PolicyApproval",
    "PolicyContent",
    "PolicyDraft",
    "PolicyRamp",
    "PolicyVersion",
    "RampState",
]
