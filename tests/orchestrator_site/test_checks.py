"""Startup checks of the site, by id."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import CheckMessage, Tags
from django.core.checks.registry import registry
from django.core.management.base import SystemCheckError
from django.db import connection

from experiments.management.commands.worker import Command
from kernel.checks import SETTINGS
from orchestrator_site.checks import check_database, check_production, check_threads, connections_needed


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


def test_a_worker_makes_every_check_of_settings(settings: Any) -> None:
    settings.ASSIGNMENT_KEY, settings.WEB_THREADS = "no key", 0

    with pytest.raises(SystemCheckError) as refused:
        Command().check(tags=Command.requires_system_checks)

    assert "experiments.E001" in str(refused.value)
    assert "orchestrator.E001" in str(refused.value)


def test_each_check_of_ours_is_of_settings_or_of_the_database() -> None:
    apps = ("archives", "experiments", "notifications", "orchestrator_site", "outcomes", "policies", "signals_app")
    tags = {repr(check): check.tags for check in registry.get_checks() if check.__module__.startswith(apps)}

    assert len(tags) >= 8
    assert [name for name, of_it in tags.items() if not {SETTINGS, Tags.database} & set(of_it)] == []


def test_the_shipped_numbers_pass() -> None:
    assert check_threads(None) == []


def test_e001_at_least_one_thread(settings: Any) -> None:
    settings.WEB_THREADS = 0

    assert ids(check_threads(None)) == ["orchestrator.E001"]


def test_e002_at_least_one_process(settings: Any) -> None:
    settings.WEB_PROCESSES = 0

    assert ids(check_threads(None)) == ["orchestrator.E002"]


@pytest.mark.django_db
def test_e004_threads_that_need_more_connections_than_there_are(settings: Any) -> None:
    settings.WEB_THREADS = 1000

    messages = check_database(None, ["default"])

    assert "orchestrator.E004" in ids(messages)
    assert str(connections_needed()) in messages[0].msg


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "said"), [("off", ["orchestrator.W001"]), ("on", [])])
def test_w001_a_database_that_may_lose_commits_is_named(state: str, said: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET synchronous_commit = {state}")

    messages = [m for m in check_database(None, ["default"]) if "synchronous_commit=off" in m.msg]

    assert ids(messages) == said


def test_without_a_database_nothing_is_asked() -> None:
    assert check_database(None, None) == []


def test_production_with_all_it_demands_passes(settings: Any) -> None:
    settings.PRODUCTION, settings.DEBUG = True, False
    settings.SECRET_KEY, settings.ALLOWED_HOSTS = "x" * 50, ["desk.example"]

    assert check_production(None) == []


@pytest.mark.parametrize(
    ("name", "value", "check_id"),
    [
        ("SECRET_KEY", "", "orchestrator.E005"),
        ("SECRET_KEY", "x" * 49, "orchestrator.E005"),
        ("ALLOWED_HOSTS", [], "orchestrator.E006"),
        ("DEBUG", True, "orchestrator.E007"),
        ("TRUSTED_PROXIES", 0, "orchestrator.E008"),
    ],
)
def test_production_refuses_to_start_without_what_it_demands(
    settings: Any, name: str, value: object, check_id: str
) -> None:
    settings.PRODUCTION, settings.DEBUG = True, False
    settings.SECRET_KEY, settings.ALLOWED_HOSTS = "x" * 50, ["desk.example"]
    settings.SECURE_SSL_REDIRECT, settings.TRUSTED_PROXIES = True, 1
    setattr(settings, name, value)

    assert ids(check_production(None)) == [check_id]


def test_outside_production_nothing_of_that_is_demanded(settings: Any) -> None:
    settings.PRODUCTION, settings.ALLOWED_HOSTS = False, []

    assert check_production(None) == []


def test_a_session_that_ends_at_once_is_refused(settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 0

    assert "orchestrator.E009" in ids(check_threads(None))
