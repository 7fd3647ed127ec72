"""R7: the orchestrator coordinates and makes no trading decision."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from outcomes.models import Recommendation
from tests.factories import api_client, make_experiment

APPS = ("signals_app", "policies", "experiments", "outcomes", "orchestrator_site")
# What a program imports that fetches data, talks to an AI service or computes indicators.
FORBIDDEN = {"requests", "httpx", "aiohttp", "urllib3", "openai", "anthropic", "langchain", "talib", "pandas"}
# The demo sends alerts and `up` asks its own /readyz; neither is the orchestrator's work on a signal.
MAY_SPEAK_HTTP = {Path("orchestrator_site/management/commands/up.py")}


def imports() -> Iterator[tuple[Path, str]]:
    for app in APPS:
        for path in sorted((Path(settings.BASE_DIR) / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                yield from ((path.relative_to(settings.BASE_DIR), name) for name in names)


def test_r7_1_it_imports_nothing_that_fetches_data_or_computes_indicators() -> None:
    used = {(path, name) for path, name in imports() if name.partition(".")[0] in FORBIDDEN}
    speaks_http = {
        path
        for path, name in imports()
        if name in {"urllib.request", "http.client"} and "demo" not in path.parts and path not in MAY_SPEAK_HTTP
    }

    assert used == set()
    assert speaks_http == set()


@pytest.mark.django_db
def test_r7_1_the_context_holds_what_the_alert_said_and_nothing_else() -> None:
    experiment = make_experiment("A")
    context = experiment.signal.market_context.context

    assert context["prices"] == {"close": "568.25"}
    assert (context["volume"], context["indicators"], context["market_data"]) == (None, {}, None)


@pytest.mark.django_db
def test_r7_2_no_call_changes_an_engines_rules() -> None:
    experiment = make_experiment("A")
    assignment = api_client("engine-a").get(f"/api/v1/assignments/{experiment.pk}").json()

    assert set(assignment) == {
        "experiment_id", "signal", "market_context", "context_hash", "distributed_at", "lease_expires_at",
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("criterion", ["r7_3", "r7_4", "r7_5"])
def test_r7_3_r7_4_r7_5_a_recommendation_is_recorded_byte_for_byte(criterion: str) -> None:
    """Strike, size and exit rule are the engine's: they are kept as written, whatever they say."""
    text = (
        '{"strike":  575.50, "contracts": 3, "exit": {"stop": -0.30}, "why": "caf\\u00e9 ☕", "is": "'
        + criterion
        + '"}'
    )
    experiment = make_experiment("A")
    body = {
        "experiment_id": str(experiment.pk),
        "context_hash": experiment.signal.market_context.context_hash,
        "action": "OPEN",
        "strategy_version": "1",
        "rules_hash": "a" * 64,
    }
    raw = json.dumps(body)[:-1] + f', "recommendation": {text}}}'

    answer = api_client("engine-b").generic("POST", "/api/v1/recommendations", raw, content_type="application/json")

    assert answer.status_code == 201, answer.json()
    assert Recommendation.objects.get().recommendation == text
