"""`manage.py demo` as a user runs it: real processes, from an empty database to the verdict."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from experiments.models import Experiment
from orchestrator_site.invariants import INVARIANTS
from outcomes.models import OwnExit, RealTrade, ShadowTrade, TradeFill
from policies.selectors import active_policy
from tests.processes.harness import descendants, free_port, http_status, is_alive, manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

ALERTS = 20  # about so many


def run_demo(
    tmp_path: Path,
    *,
    alerts: int,
    port: int | None = None,
    folder: str = "demo",
    environment: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run the demo to its end; return exit code and output."""
    log = tmp_path / "demo.txt"
    log.unlink(missing_ok=True)
    arguments = (
        "--exit",
        "--folder",
        str(tmp_path / folder),
        "--port",
        str(port or free_port()),
        "--alerts",
        str(alerts),
    )
    with manage("demo", *arguments, log=log, **(environment or {})) as demo:
        code = demo.wait(120)
    return code, log.read_text()


def test_the_demo_runs_to_its_end_and_killed_again_on_the_same_database(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "first.txt"
    arguments = ("--folder", str(tmp_path / "demo"), "--port", str(port), "--alerts", str(ALERTS))
    with manage("demo", *arguments, log=log) as demo:
        wait_until(lambda: "keeps running" in log.read_text() or demo.poll(), seconds=120, what="the end of the replay")
        output = log.read_text()
        assert http_status(f"http://127.0.0.1:{port}/readyz") == 200, output
        sent = Experiment.objects.count()
        assert f"Alerts: {sent} accepted." in output
        assert "sign in as operator" in output
        assert "engine B shadow" in output
        assert "The verdict: REPLAYED, a rehearsal: Inconclusive" in output
        assert output.count("  ok      ") == len(INVARIANTS)
        assert 15 < sent <= ALERTS
        assert RealTrade.objects.exists()
        # The feed prices the shadows, and no engine its own.
        assert set(TradeFill.objects.exclude(shadow_trade=None).values_list("price_provenance", flat=True)) == {
            "NEUTRAL_QUOTE"
        }
        assert OwnExit.objects.filter(state="DONE").count() == ShadowTrade.objects.count()
        policy = active_policy()
        assert policy is not None
        assert (policy.version, policy.configured_mode) == (2, "SPLIT_CAPITAL")

        # A second one beside it says what to do.
        code, beside = run_demo(tmp_path, alerts=6, port=port, folder="second")
        assert code == 1
        assert f"Cannot listen on 127.0.0.1:{port}" in beside
        assert f"--port {port + 10}" in beside

        # Killed, it leaves no process.
        family = descendants(demo.pid)
        assert len(family) >= 6
        demo.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, family)), seconds=20, what="the end of all processes")

    code, output = run_demo(tmp_path, alerts=ALERTS)

    assert code == 0, output
    assert f"Alerts: {sent} duplicates." in output
    assert output.count("  ok      ") == len(INVARIANTS)
    assert "/admin/outcomes/evaluation/" in output
    assert Experiment.objects.count() == sent


@pytest.mark.parametrize("environment", [{"APP_MODE": "LIVE"}, {"PRODUCTION": "true", "TRUSTED_PROXIES": "1"}])
def test_where_real_money_may_be_it_refuses_to_run(tmp_path: Path, environment: dict[str, str]) -> None:
    production = {"SECRET_KEY": "x" * 60, "ALLOWED_HOSTS": "localhost"}

    code, output = run_demo(tmp_path, alerts=6, environment=production | environment)

    assert code == 1
    assert "it runs with PRODUCTION off and APP_MODE=PAPER only" in output
    assert not (tmp_path / "demo").exists()


def test_a_number_of_alerts_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, output = run_demo(tmp_path, alerts=1_000_000)

    assert code == 1
    assert "The demo has 5 to 538 alerts, not 1000000. Choose another number with --alerts." in output
    assert not (tmp_path / "demo").exists()
