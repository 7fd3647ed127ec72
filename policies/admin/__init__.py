"""Admin pages of who may trade for real."""

from policies.admin.keys import ApiKeyAdmin
from policies.admin.state import EngineAdmin, HaltAdmin
from policies.admin.versions import PolicyVersionAdmin

__all__ = ["ApiKeyAdmin", "EngineAdmin", "HaltAdmin", "PolicyVersionAdmin"]
