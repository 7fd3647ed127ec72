"""How drf-spectacular writes the API document."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

PROJECT = Path(__file__).resolve().parent.parent.parent / "pyproject.toml"

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Trading Orchestrator",
    "DESCRIPTION": "What engines, feeders and analysts call. Prices are decimal strings, times RFC 3339 UTC.",
    "VERSION": tomllib.loads(PROJECT.read_text())["project"]["version"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.1",
    "CONTACT": {"name": "The desk that runs this orchestrator"},
    "LICENSE": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    "SERVERS": [{"url": "/", "description": "The orchestrator that serves this document."}],
    "ENFORCE_NON_BLANK_FIELDS": True,
    # It describes calls and holds no data: who writes an engine reads it before there is a key.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "orchestrator_site.api_schema.generation.finish",
    ],
    "PATH_CONVERTER_OVERRIDES": {"id": UUID},
    "ENUM_NAME_OVERRIDES": {
        "EngineEnum": "policies.models.EngineName",
        "RoleEnum": "outcomes.models.Role",
        "IncidentKindEnum": "outcomes.models.IncidentKind",
        "DirectiveStateEnum": "outcomes.models.DirectiveState",
        "ReportedReasonEnum": "outcomes.engine_api.serializers.REPORTED_REASONS",
        "ExitReasonEnum": "outcomes.models.ExitReason",
        "TradeFlagEnum": "outcomes.api_documents.TRADE_FLAGS",
        "ProvenanceEnum": "outcomes.models.trade.PROVENANCE_CHOICES",
        "EvaluationStateEnum": "outcomes.analyst_api.evaluations.STATES",
        "EvaluationVerdictEnum": "outcomes.analyst_api.evaluations.VERDICTS",
        "PairsVerdictEnum": ["A_BETTER", "B_BETTER", "INCONCLUSIVE"],
        "ReportedProvenanceEnum": "outcomes.engine_api.serializers.ANY_PROVENANCE",
    },
}
