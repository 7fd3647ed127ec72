"""Alert rules and dashboard: they ask for nothing that `/metrics` does not tell, and each alert says what to do."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from prometheus_client import generate_latest

from experiments.models import DecisionTime
from orchestrator_site.health import NUMBERS, DoorMetrics
from tests.deploy.tools import needs

ROOT = Path(settings.BASE_DIR)
PROMETHEUS = ROOT / "deploy/prometheus"
METRIC = re.compile(r"\borchestrator_\w+")


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.fixture
def told(client: Client, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every name that a scrape can hold."""
    DecisionTime.objects.create(up_to_seconds=0.1, decisions=1, seconds=0.1, counted_until=datetime.now(UTC))
    monkeypatch.setattr(settings, "METRICS_TOKEN", "a-token")
    scrape = client.get("/metrics", headers={"Authorization": "Bearer a-token"})
    text = scrape.content + generate_latest(DoorMetrics().registry)
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text.decode(), re.MULTILINE))
    names = {f"orchestrator_{number.name}" for number in NUMBERS}
    for name, kind in kinds.items():
        names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return names


@pytest.mark.django_db
def test_every_metric_of_the_rules_and_of_the_dashboard_is_told(told: set[str]) -> None:
    board = json.loads((ROOT / "deploy/grafana/orchestrator.json").read_text())
    asked = [rule["expr"] for rule in rules()]
    asked += [target["expr"] for panel in board["panels"] for target in panel["targets"]]

    names = {name for expression in asked for name in METRIC.findall(expression)}

    assert names - told == set()
    assert {name for name in told if name.endswith(("_bucket", "_total"))} - names == set()


def test_each_alert_is_named_once_and_the_operators_guide_says_what_to_do() -> None:
    guide = (ROOT / "docs/operators.md").read_text()
    (section,) = re.findall(r"## What each Prometheus alert means\n(.*?)\n## ", guide, re.DOTALL)

    described = re.findall(r"^\| (\w+) \| [^|]{10,} \| [^|]{10,} \|$", section, re.MULTILINE)

    assert described == [rule["alert"] for rule in rules()]
    assert len(described) == len(set(described))


def test_each_alert_says_how_urgent_it_is_and_what_it_is_about() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


@needs("promtool")
@pytest.mark.parametrize(
    "command", ["check rules alerts.yml", "check config --syntax-only prometheus.yml", "test rules alerts_test.yml"]
)
def test_prometheus_takes_the_rules_and_they_fire_when_they_should(command: str) -> None:
    done = subprocess.run(["promtool", *command.split()], cwd=PROMETHEUS, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
