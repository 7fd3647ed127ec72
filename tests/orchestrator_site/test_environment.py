"""What the environment may say: a misspelt value is named with what is allowed, and never means something else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import load_command_class

from orchestrator_site.environment import NOTICE_LOST_SERVER, Environment, database_settings, kept_secret
from tests.manage_process import run_command

env = Environment()


@pytest.mark.parametrize(("text", "value"), [("true", True), ("TRUE", True), ("1", True), ("no", False), ("", False)])
def test_a_flag_is_true_or_false(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("A_FLAG", text)

    assert env.flag("A_FLAG", meaning="") is value


def test_what_is_not_given_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_GIVEN", raising=False)

    assert env.flag("NOT_GIVEN", default=True, meaning="") is True
    assert env.number("NOT_GIVEN", default=7, meaning="") == 7
    assert env.one_of("NOT_GIVEN", default="INFO", allowed=("INFO", "ERROR"), meaning="") == "INFO"
    assert env.postgresql_url("NOT_GIVEN", meaning="") == ""


@pytest.mark.parametrize(
    ("read", "text", "allowed"),
    [
        (lambda name: env.flag(name, meaning=""), "ture", "true or false"),
        (lambda name: env.number(name, default=1, meaning=""), "many", "a whole number"),
        (lambda name: env.number(name, default=1, meaning=""), "-1", "a whole number"),
        (lambda name: env.number(name, default=1, meaning=""), "1.5", "a whole number"),
        (lambda name: env.one_of(name, default="INFO", allowed=("INFO", "ERROR"), meaning=""), "LOUD", "INFO, ERROR"),
        (lambda name: env.postgresql_url(name, meaning=""), "sqlite:///a.db", "postgresql://"),
        (
            lambda name: env.postgresql_url(name, meaning=""),
            "postgresql://somebody:hidden@host:port/base",
            "postgresql://",
        ),
    ],
)
def test_another_value_stops_the_process_and_is_named(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], text: str, allowed: str
) -> None:
    monkeypatch.setenv("A_SETTING", text)

    with pytest.raises(ImproperlyConfigured, match=rf"A_SETTING is .*Allowed: .*{allowed}"):
        read("A_SETTING")


def test_a_wrong_database_url_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SETTING", "mysql://somebody:hidden@host/base")

    with pytest.raises(ImproperlyConfigured) as caught:
        env.postgresql_url("A_SETTING", meaning="")

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "expected"), [("", 5), ("?prepare_threshold=0", 0), ("?prepare_threshold=None", None)]
)
def test_options_in_the_database_url_win_over_ours(query: str, expected: int | None) -> None:
    options = database_settings(f"postgresql://somebody@host/base{query}")["OPTIONS"]

    assert options == {"connect_timeout": 1, "prepare_threshold": expected} | NOTICE_LOST_SERVER


def test_what_the_database_url_says_is_never_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=900ms")

    query = "conn_max_age=0&connect_timeout=3&tcp_user_timeout=900&options=-c%20work_mem%3D8MB"
    said = database_settings(f"postgresql://h/b?{query}")
    options = said["OPTIONS"]

    assert (said["CONN_MAX_AGE"], options["connect_timeout"], options["tcp_user_timeout"]) == (0, 3, 900)
    assert options["options"] == "-c lock_timeout=900ms -c work_mem=8MB"


@pytest.mark.parametrize(("query", "without"), [("", False), ("?prepare_threshold=None", True)])
def test_a_pooler_that_keeps_no_statements_is_asked_for_no_cursors(query: str, without: bool) -> None:
    assert database_settings(f"postgresql://h/b{query}")["DISABLE_SERVER_SIDE_CURSORS"] is without


def test_commas_separate_names_and_spaces_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTS", "desk.example, ops.example,")

    assert env.names("HOSTS", default=["localhost"], allowed="", meaning="") == ["desk.example", "ops.example"]
    assert env.names("NO_HOSTS", default=["localhost"], allowed="", meaning="") == ["localhost"]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("POLICY_REQUIRE_APPROVAL", "perhaps", "POLICY_REQUIRE_APPROVAL is 'perhaps'. Allowed: true or false."),
        ("WORKERS", "many", "WORKERS is 'many'. Allowed: a whole number, 0 or more."),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL is 'LOUD'. Allowed: DEBUG, INFO, WARNING, ERROR."),
    ],
)
def test_a_command_says_which_setting_is_wrong_and_nothing_else(name: str, value: str, message: str) -> None:
    process = run_command("check", **{name: value})

    assert (process.returncode, process.stdout, process.stderr) == (1, "", f"{message}\n")


def test_a_kept_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"

    first, second = (kept_secret(path, lambda: token_hex(32)) for _ in range(2))

    assert first == second == path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_together_keep_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "key"
    all_are_late = Barrier(8)

    def late() -> str:
        all_are_late.wait()  # everybody has seen that there is none
        return token_hex(32)

    with ThreadPoolExecutor(8) as pool:
        kept = set(pool.map(lambda _: kept_secret(path, late), range(8)))

    assert kept == {path.read_text()}
    assert list(tmp_path.iterdir()) == [path]


def test_up_runs_as_many_workers_as_the_settings_say_unless_it_is_told_another_number(settings: LazySettings) -> None:
    settings.WORKERS = 3
    parser = load_command_class("orchestrator_site", "up").create_parser("manage.py", "up")

    assert [parser.parse_args(said).workers for said in ([], ["--workers", "2"])] == [3, 2]
