"""Admin pages of who may trade for real."""

from policies.admin.audit import AuditEntryAdmin
from policies.admin.drafts import PolicyDraftAdmin
from policies.admin.guardrails import GuardrailTripAdmin
from policies.admin.keys import ApiKeyAdmin
from policies.admin.ramps import PolicyRampAdmin
from policies.admin.state import EngineAdmin, HaltAdmin
from policies.admin.versions import PolicyVersionAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditEntryAdmin",
    "EngineAdmin",
    "GuardrailTripAdmin",
    "HaltAdmin",
    "PolicyDraftAdmin",
    "PolicyRampAdmin",
    "PolicyVersionAdmin",
]
