"""The recorded P&L of the trades a preview would have moved, and `manage.py preview`."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from experiments.history.preview import PreviewSelection
from kernel.actors import Actor
from outcomes.performance import preview_pnl
from outcomes.performance.preview_pnl import RecordedPnl, preview_with_pnl
from policies.drafts import start_draft
from policies.models import EngineAvailability
from tests.database import execute, value
from tests.factories import make_experiment, make_policy, policy_settings
from tests.outcomes.closed_trades import EXIT_TIME, Closed, close_pair
from tests.outcomes.evaluations.hall import make_phase, started

pytestmark = pytest.mark.django_db
ALL = PreviewSelection(last=1000)


def recorded(mode: str, split: str = "50.00") -> dict[tuple[str, str], RecordedPnl]:
    found = preview_with_pnl(ALL, policy_settings(configured_mode=mode, split_percentage=split))
    return {(one.change, one.engine): one for one in found.recorded}


def test_trades_that_would_change_sides_are_summed_as_recorded() -> None:
    close_pair("A", Closed("60", "33"))
    close_pair("A", Closed("-20", "8.5"))

    found = recorded("ENGINE_B_PRIMARY")

    assert found == {
        ("SHADOW_TO_REAL", "B"): RecordedPnl("SHADOW_TO_REAL", "B", 2, 2, 0, {"USD": Decimal("41.5")}),
        ("REAL_TO_SHADOW", "A"): RecordedPnl("REAL_TO_SHADOW", "A", 2, 2, 0, {"USD": Decimal(40)}),
    }


def test_unpriced_trades_are_counted_and_in_no_sum() -> None:
    close_pair("A", Closed("60", None))
    close_pair("A", Closed("60", "10"))

    one = recorded("ENGINE_B_PRIMARY")["SHADOW_TO_REAL", "B"]

    assert (one.decisions, one.trades, one.unpriced, one.pnl) == (2, 2, 1, {"USD": Decimal(10)})


def test_amounts_in_two_currencies_are_never_added() -> None:
    close_pair("A", Closed("60", "33"))
    close_pair("A", Closed("7", "5", currency="EUR"))

    one = recorded("ENGINE_B_PRIMARY")["SHADOW_TO_REAL", "B"]

    assert (one.decisions, one.pnl) == (2, {"USD": Decimal(33), "EUR": Decimal(5)})


def test_a_decision_without_a_trade_is_counted_without_figures() -> None:
    make_experiment("A")

    one = recorded("ENGINE_B_PRIMARY")["SHADOW_TO_REAL", "B"]

    assert (one.decisions, one.trades, one.unpriced, one.pnl) == (1, 0, 0, {})


def test_trades_that_would_become_shadow_only_lose_their_real_side_only() -> None:
    close_pair("A", Closed("60", "33"))

    assert list(recorded("SHADOW_ONLY")) == [("REAL_TO_SHADOW", "A")]


def test_trades_that_keep_their_side_are_left_out() -> None:
    close_pair("A", Closed("60", "33"))

    assert recorded("ENGINE_A_PRIMARY") == {}
    # Another mode and reason, the same engine: changed, but nobody changes sides.
    assert recorded("SPLIT_CAPITAL", "100.00") == {}


def test_figures_of_many_queries_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_pnl, "EXPERIMENTS_A_QUERY", 2)
    for _ in range(5):
        close_pair("A", Closed("1.5", "2"))

    assert recorded("SHADOW_ONLY")["REAL_TO_SHADOW", "A"].pnl == {"USD": Decimal("7.5")}


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("preview", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_shows_what_would_change() -> None:
    close_pair("A", Closed("60", "33"), symbol="SPY")

    text = run("--set", "configured_mode=ENGINE_B_PRIMARY", "--last", "10")

    assert text == (
        "Of 1 decisions, 1 would change.\n"
        "Executed before: A 1 (100.0 %), B 0 (0.0 %), neither 0 (0.0 %)\n"
        "Executed after:  A 0 (0.0 %), B 1 (100.0 %), neither 0 (0.0 %)\n"
        "\n"
        "From -> to:\n"
        "      1  ENGINE_A_PRIMARY/A/CONFIGURED -> ENGINE_B_PRIMARY/B/CONFIGURED\n"
        "\n"
        "Changes by symbol and reason:\n"
        "      1  SPY                  CONFIGURED -> CONFIGURED\n"
        "\n"
        "Recorded P&L of the trades affected (as they were, not a forecast):\n"
        "  engine A, shadow instead of real: 1 decisions, 1 with an outcome, +60.00 USD\n"
        "  engine B, real instead of shadow: 1 decisions, 1 with an outcome, +33.00 USD\n"
    )


def test_the_command_says_which_evaluation_a_new_version_would_end() -> None:
    make_phase()
    started(clock="WALL", starts_at=None)

    text = run("--set", "configured_mode=SHADOW_ONLY")

    assert text.endswith("Evaluation spring is running: any new policy version ends it.\n")


def test_the_command_previews_a_draft() -> None:
    make_experiment("A")
    draft = start_draft(Actor("ada"), content=policy_settings(configured_mode="SHADOW_ONLY"))

    assert run("--draft", str(draft.pk)).startswith("Of 1 decisions, 1 would change.\n")


def test_the_command_answers_in_json() -> None:
    close_pair("A", Closed("60", None))

    document = json.loads(run("--set", "configured_mode=SHADOW_ONLY", "--json"))

    assert document["preview"]["changed"] == 1
    assert document["preview"]["transitions"][0]["after"] == ["SHADOW_ONLY", None, "CONFIGURED"]
    assert document["recorded"] == [
        {
            "change": "REAL_TO_SHADOW", "engine": "A", "decisions": 1, "trades": 1, "unpriced": 0,
            "pnl": {"USD": "60.00"},
        },
    ]  # fmt: skip


def test_the_settings_in_force_change_nothing() -> None:
    make_policy(max_engine_flaps=3, max_daily_real_loss="10.50")
    make_experiment("A", policy={"split_percentage": "12.34"})

    assert "Of 1 decisions, 0 would change." in run("--set", "split_percentage=12.34")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "mode=AUTO"), "--set: mode=AUTO: write NAME=VALUE with one of configured_mode"),
        (("--set", "configured_mode"), "write NAME=VALUE"),
        (("--set", "configured_mode=auto"), "configured_mode is 'auto'; allowed: AUTO"),
        (("--set", "split_percentage=101"), "split_percentage is '101'"),
        (("--draft", "7"), "draft 7 not found"),
        (("--draft", "7", "--set", "live_enabled=true"), "not allowed with"),
        ((), "required"),
        (("--set", "live_enabled=true", "--last", "0"), "--last: Must be between 1 and 100000"),
        (("--set", "live_enabled=true", "--since", "today"), "--since is 'today'"),
    ],
)
def test_the_command_refuses_what_it_does_not_understand(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_guardrails_are_tried_on_the_trades_that_would_have_been_real() -> None:
    for number, (a, b) in enumerate((("5", "-40"), ("5", "-70"), ("-1", "-10"))):
        close_pair("A", Closed(a=a, b=b, exit_time=EXIT_TIME + timedelta(minutes=number)))
    limits = {"max_daily_real_loss": "100", "max_consecutive_real_losses": 4, "max_engine_flaps": 3}

    def tripped(mode: str) -> dict[str, tuple[Decimal, int]]:
        found = preview_with_pnl(PreviewSelection(), policy_settings(configured_mode=mode, **limits)).trips
        return {one.name: (one.worst, len(one.times)) for one in found}

    assert tripped("ENGINE_B_PRIMARY") == {
        "max_daily_real_loss": (Decimal(110), 1), "max_consecutive_real_losses": (Decimal(3), 0),
        "max_engine_flaps": (Decimal(0), 0),
    }  # fmt: skip
    assert tripped("AUTO")["max_daily_real_loss"] == (Decimal(0), 0)
    assert tripped("AUTO")["max_consecutive_real_losses"] == (Decimal(1), 0)
    assert tripped("SHADOW_ONLY")["max_daily_real_loss"] == (Decimal(0), 0)


def test_signals_that_failed_and_engines_that_came_back_while_it_was_decided_are_part_of_it() -> None:
    for _ in range(20):
        make_experiment("A")
    execute("SET session_replication_role = replica")
    execute(
        "UPDATE signals SET status = 'FAILED', attempts = 1, processed_at = NULL, last_error = 'x',"
        "       received_at = (SELECT min(created_at) FROM experiments)"
    )
    execute("SET session_replication_role = DEFAULT")
    begin = value("SELECT min(created_at) FROM experiments")
    execute("DELETE FROM engine_availability")
    for minutes in (-600, 0, 0.001):
        first = begin + timedelta(minutes=minutes)
        EngineAvailability.objects.create(
            engine_id="A", first_heartbeat_at=first, last_heartbeat_at=first, available_until=first,
            engine_version="1", rules_hash="a" * 64,
        )  # fmt: skip

    settings = policy_settings(max_failed_signal_percentage="50", max_engine_flaps=1)
    failed, flaps = preview_with_pnl(PreviewSelection(), settings).trips

    assert (failed.name, int(failed.worst), len(failed.times)) == ("max_failed_signal_percentage", 100, 1)
    assert flaps.name == "max_engine_flaps"
    assert flaps.times[0] == begin


def test_the_command_tells_what_would_have_tripped() -> None:
    close_pair("A", Closed(a="-40", b="5"))

    text = run("--set", "max_daily_real_loss=30", "--last", "10")

    assert "max_daily_real_loss: would have tripped 1 time, at worst 40 of 30" in text
