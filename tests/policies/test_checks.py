"""Startup validation: a wrong setting stops the process and says which, what it is and what is allowed."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from policies.checks import check_policy_environment
from policies.core.settings import GUARDRAILS, SETTINGS
from tests.manage_process import run_command, run_python

WRONG = {
    "APP_MODE": "DEMO",
    "EXECUTION_MODE": "BOTH",
    "SPLIT_PERCENTAGE": "100.5",
    "HEARTBEAT_TTL_SECONDS": "0",
    "PERMIT_TTL_SECONDS": "soon",
    "MAX_MARKET_DATA_AGE_SECONDS": "-1",
    "ENTRY_WINDOW_SECONDS": "1.5",
    "EXIT_DIRECTIVE_TTL_SECONDS": "99999999",
    "MAX_ANSWER_AGE_SECONDS": "0",
    "MAX_QUOTE_AGE_SECONDS": "1m",
    "REPORT_DELAY_SECONDS": "",
    "CURRENCY": "dollars",
    "FEE_PER_CONTRACT": "0.00001",
    "FEE_PER_ORDER": "-1",
    "LIVE_ENABLED": "perhaps",
}
ALLOWED = [
    ("policies.E001", "APP_MODE", "PAPER or LIVE"),
    ("policies.E002", "EXECUTION_MODE", "AUTO, SHADOW_ONLY, ENGINE_A_PRIMARY, ENGINE_B_PRIMARY, SPLIT_CAPITAL"),
    ("policies.E003", "SPLIT_PERCENTAGE", "a number from 0 to 100 with at most two decimals"),
    ("policies.E004", "HEARTBEAT_TTL_SECONDS", "whole seconds from 1 to 86400"),
    ("policies.E005", "PERMIT_TTL_SECONDS", "whole seconds from 1 to 86400"),
    ("policies.E006", "MAX_MARKET_DATA_AGE_SECONDS", "whole seconds from 0 to 604800"),
    ("policies.E010", "MAX_ANSWER_AGE_SECONDS", "whole seconds from 1 to 86400"),
    ("policies.E011", "MAX_QUOTE_AGE_SECONDS", "whole seconds from 1 to 86400"),
    ("policies.E007", "ENTRY_WINDOW_SECONDS", "whole seconds from 0 to 604800"),
    ("policies.E008", "EXIT_DIRECTIVE_TTL_SECONDS", "whole seconds from 1 to 2592000"),
    ("policies.E012", "REPORT_DELAY_SECONDS", "whole seconds from 1 to 86400"),
    ("policies.E013", "CURRENCY", "3 to 10 capital letters and digits, such as USD"),
    ("policies.E014", "FEE_PER_CONTRACT", "a number from 0 to 1000000 with at most four decimals"),
    ("policies.E015", "FEE_PER_ORDER", "a number from 0 to 1000000 with at most four decimals"),
    ("policies.E009", "LIVE_ENABLED", "true or false"),
]


def setting_of(variable: str) -> str:
    return next(setting.name for setting in SETTINGS if setting.variable == variable)


def test_the_defaults_pass() -> None:
    assert check_policy_environment(None) == []


def test_every_setting_at_its_limit_passes() -> None:
    lowest = {"split_percentage": "0", "max_market_data_age_seconds": "0", "entry_window_seconds": "0"}
    lowest |= {"fee_per_contract": "0", "fee_per_order": "0"}
    lowest |= dict.fromkeys(("heartbeat_ttl_seconds", "permit_ttl_seconds", "exit_directive_ttl_seconds"), "1")
    lowest |= dict.fromkeys(("max_answer_age_seconds", "max_quote_age_seconds", "report_delay_seconds"), "1")

    with override_settings(APP_MODE="LIVE", INITIAL_POLICY=settings.INITIAL_POLICY | lowest):
        assert check_policy_environment(None) == []


@pytest.mark.parametrize(
    ("split", "warned"), [("0", False), ("0.01", True), ("0.5", True), ("0.99", True), ("1", False), ("99.5", False)]
)
def test_a_share_that_looks_like_a_fraction_is_accepted_with_a_warning(split: str, warned: bool) -> None:
    with override_settings(INITIAL_POLICY=settings.INITIAL_POLICY | {"split_percentage": split}):
        found = check_policy_environment(None)

    assert [message.id for message in found] == ["policies.W001"] * warned
    assert not any(message.is_serious() for message in found)


def test_the_warning_says_what_the_share_means() -> None:
    with override_settings(INITIAL_POLICY=settings.INITIAL_POLICY | {"split_percentage": "0.5"}):
        (warning,) = check_policy_environment(None)

    said = "SPLIT_PERCENTAGE: 0.50 is a percentage, not a fraction: of 10,000 signals, 50 go to engine A."
    assert (warning.msg, warning.hint) == (said, "Write 50 for one half.")


@pytest.mark.parametrize(("check_id", "variable", "allowed"), ALLOWED[1:])
def test_each_wrong_setting_has_its_own_error(check_id: str, variable: str, allowed: str) -> None:
    initial = settings.INITIAL_POLICY | {setting_of(variable): WRONG[variable]}
    with override_settings(INITIAL_POLICY=initial):
        errors = run_checks()

    ours = [error for error in errors if str(error.id).startswith("policies.")]
    assert [(error.id, error.msg, error.hint) for error in ours] == [
        (check_id, f"{variable} is {WRONG[variable]!r}.", f"Allowed: {allowed}.")
    ]


@pytest.mark.parametrize("app_mode", ["DEMO", "paper", "", "PAPER "])
def test_an_unknown_app_mode_is_an_error(app_mode: str) -> None:
    with override_settings(APP_MODE=app_mode):
        (error,) = check_policy_environment(None)

    assert (error.id, error.msg, error.hint) == (
        "policies.E001", f"APP_MODE is {app_mode!r}.", "Allowed: PAPER or LIVE."
    )  # fmt: skip


def test_every_setting_of_a_policy_has_a_variable_and_a_check() -> None:
    assert {setting.name for setting in SETTINGS if not setting.variable} == set(GUARDRAILS)
    assert [(check_id, variable, allowed) for check_id, variable, allowed in ALLOWED[1:]] == [
        (setting.check_id, setting.variable, setting.allowed) for setting in SETTINGS if setting.variable
    ]


@pytest.mark.processes
def test_check_fails_and_reports_every_wrong_variable_at_once() -> None:
    process = run_command("check", **WRONG)

    assert process.returncode != 0
    for check_id, variable, allowed in ALLOWED:
        assert f"({check_id}) {variable} is {WRONG[variable]!r}." in process.stderr
        assert f"HINT: Allowed: {allowed}." in process.stderr


@pytest.mark.processes
def test_no_wsgi_server_serves_with_a_wrong_setting() -> None:
    process = run_python("-c", "import orchestrator_site.wsgi", APP_MODE="live")

    assert process.returncode != 0
    assert "(policies.E001) APP_MODE is 'live'." in process.stderr
