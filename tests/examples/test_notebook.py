"""The example notebook, run as a script through a role for analysts, says what the report says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from kernel.actors import Actor
from orchestrator_site.analyst.role import create_role, drop_role
from orchestrator_site.database_url import database_url
from outcomes.core.statistics import money_text
from outcomes.performance.report import performance_report
from outcomes.performance.scope import PerformanceFilters
from tests.database import execute, value
from tests.outcomes.closed_trades import Closed, break_rule, close_pair

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
NOTEBOOK = Path(settings.BASE_DIR) / "examples" / "notebook" / "pairs.py"


@pytest.fixture
def url() -> Iterator[str]:
    name = f"notebook_{value('SELECT current_database()')}"
    password = create_role(Actor("olga"), name)
    yield database_url(name, password)
    drop_role(Actor("olga"), name)


def run(url: str) -> str:
    environment = os.environ | {"ANALYST_DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, NOTEBOOK], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_mean_difference_is_that_of_the_report(url: str) -> None:
    close_pair("A", Closed(a="10", b="1"), symbol="SPY")
    close_pair("B", Closed(a="-20.5", b="5"), symbol="QQQ")
    close_pair("A", Closed(a="7.25", b=None))
    break_rule(close_pair("A", Closed(a="8", b="900")), "B")
    execute("UPDATE signal_distributions SET answered_at = now()")

    told = re.fullmatch(r"A - B is (\S+) USD on average over (\d+) pairs\.\n", run(url))

    report = performance_report(PerformanceFilters())
    assert told is not None
    assert money_text(Decimal(told[1])) == report["pairs"]["mean_difference"] == "-8.25"
    assert int(told[2]) == report["pairs"]["n"]
