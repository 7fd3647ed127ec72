"""A client of the Trading Orchestrator's API in the standard library alone.

    from orchestrator_client import OrchestratorClient, verify_context_hash

    with OrchestratorClient("http://127.0.0.1:8000", key) as client:
        client.heartbeat(engine_version="1.0", rules_hash=document_hash(rules))
        for assignment in client.claim():
            verify_context_hash(assignment)

Copy the folder into an engine's repository; it depends on nothing here.
"""

from .canonical import canonical_json, document_hash, verify_context_hash
from .client import OrchestratorClient
from .documents import (
    Assignment,
    ExitDirective,
    FeedQuote,
    FillLeg,
    Plan,
    QuoteDocument,
    QuoteRequest,
    Role,
    SettlementDocument,
    Trade,
)
from .errors import ContextHashError, OrchestratorError

__all__ = [
    "Assignment",
    "ContextHashError",
    "ExitDirective",
    "FeedQuote",
    "FillLeg",
    "OrchestratorClient",
    "OrchestratorError",
    "Plan",
    "QuoteDocument",
    "QuoteRequest",
    "Role",
    "SettlementDocument",
    "Trade",
    "canonical_json",
    "document_hash",
    "verify_context_hash",
]
