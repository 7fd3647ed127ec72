"""Containers, systemd units and commands of the guide: read as the tools would read them, where no tool is at hand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection, connections

from embedded_postgres.identity import find_bin_dir
from experiments.models import Experiment, ReplayRun
from orchestrator_site.environment import database_settings
from tests.deploy.tools import needs
from tests.factories import make_available, make_experiment
from tests.processes.harness import database_url

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir())
GUIDE = (ROOT / "docs/deployment.md").read_text()


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, lines joined and comments left out."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "docker/Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def shipped() -> list[str]:
    """What goes into the image, as .dockerignore lets it in."""
    lines = (DEPLOY / "docker/Dockerfile.dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def test_the_image_is_built_in_two_stages_from_hashes_and_runs_as_nobody() -> None:
    found = instructions()

    bases = [rest for name, rest in found if name == "FROM"]
    assert [base.split()[0] for base in bases] == ["python:3.11-slim-bookworm"] * 2
    assert any("--require-hashes -r /build/requirements.lock" in rest for name, rest in found if name == "RUN")
    assert {name for name, _ in found} <= {
        "FROM", "COPY", "RUN", "WORKDIR", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"
    }  # fmt: skip
    # Neither `docker run` nor a shell in it is root.
    users = [rest for name, rest in found if name == "USER"]
    assert users == ["10001"]
    assert SERVICES["web"]["user"] == users[0]


def test_what_goes_into_the_image_is_all_that_the_site_needs() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert {*packages, "manage.py", "pyproject.toml", "requirements.lock"} <= set(shipped())

    beside = {path.name for path in ROOT.iterdir() if path.is_dir()} - set(shipped())
    imported = {
        (str(path.relative_to(ROOT)), name)
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
    }
    assert ("demo/run.py", "demo") in imported
    assert {(path, name) for path, name in imported if name in beside} == set()


def test_every_service_of_compose_is_as_closed_as_it_can_be() -> None:
    for name, service in SERVICES.items():
        assert not service.get("privileged"), name
        assert ":latest" not in service["image"], name
        assert set(service.get("networks", [])) <= COMPOSE["networks"].keys(), name
        assert set(service.get("depends_on", {})) <= SERVICES.keys(), name
        if name != "database":
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert "no-new-privileges:true" in service["security_opt"], name
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["database"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"]


def test_compose_starts_what_exists_and_sets_what_is_documented() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))
    for name in ("migrate", "web", "worker"):
        _, *command = SERVICES[name]["command"]
        assert command[0] == "-m" or command[1] in get_commands(), name
        assert SERVICES[name]["environment"].keys() <= documented, name
    # Whoever needs a variable is told so; the guide names all of them.
    asked = set(re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "docker/compose.yaml").read_text()))
    assert asked == set(
        re.findall(r"^(\w+)=", GUIDE.partition(".env <<'END'\n")[2].partition("END\n")[0], re.MULTILINE)
    )


def test_the_proxy_of_compose_is_the_example_after_the_guides_command(tmp_path: Path) -> None:
    (command,) = re.findall(r"^(sed -e .*?) > deploy/docker/nginx\.conf$", GUIDE, re.MULTILINE | re.DOTALL)

    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "server web:8000;" in done.stdout
    assert "/var/log" not in done.stdout
    assert "server_name YOUR.HOST;" in done.stdout


def test_archives_go_where_the_programs_may_write_and_the_host_keeps_them() -> None:
    (folder,) = re.findall(r"^    ARCHIVE_DIR=(\S+)$", GUIDE, re.MULTILINE)

    for unit in ("orchestrator", "orchestrator-worker"):
        lines = (DEPLOY / f"systemd/{unit}.service").read_text().splitlines()
        (state,) = (line.partition("=")[2] for line in lines if line.startswith("StateDirectory="))
        assert folder.startswith(f"/var/lib/{state}/"), unit
    # A volume that is new takes its owner from the image.
    made = [rest.partition("install -d -o orchestrator")[2] for name, rest in instructions() if name == "RUN"]
    assert [folder in rest for rest in made] == [False, True]
    for name in ("web", "worker", "migrate"):
        assert SERVICES[name]["environment"]["ARCHIVE_DIR"] == folder
        (mount,) = SERVICES[name]["volumes"]
        assert mount.partition(":")[0] in COMPOSE["volumes"]
        assert mount.partition(":")[2] == folder


def test_every_other_setting_of_containers_has_a_file_that_git_leaves_alone() -> None:
    for name in ("web", "worker", "migrate"):
        (file,) = SERVICES[name]["env_file"]
        assert file == {"path": "settings.env", "required": False}
    kept_out = (ROOT / ".gitignore").read_text().splitlines()
    for secret in ("settings.env", "nginx.conf", "tls/"):
        assert f"deploy/docker/{secret}" in GUIDE
        assert f"deploy/docker/{secret}" in kept_out
    # Prometheus comes from another container, which is refused without the token.
    assert re.search(r"^echo 'METRICS_TOKEN=<as above>' > deploy/docker/settings\.env$", GUIDE, re.MULTILINE)


@needs("systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        for old, new in (("/srv/orchestrator/.venv/bin/python", sys.executable), ("/srv/orchestrator", str(ROOT))):
            text = text.replace(old, new)
        (tmp_path / name).write_text(text.replace("User=orchestrator", "User=daemon"))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert [line for line in done.stderr.splitlines() if "orchestrator" in line] == []


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_starts_what_exists_and_writes_only_where_it_must(name: str) -> None:
    lines = (DEPLOY / "systemd" / name).read_text().splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    python, *arguments = shlex.split(unit["ExecStart"])
    assert python == "/srv/orchestrator/.venv/bin/python"
    assert arguments[:2] == ["-m", "orchestrator_site.web.server"] or arguments[1] in get_commands()
    assert (unit["ProtectSystem"], unit["ReadWritePaths"]) == ("strict", "/srv/orchestrator/.data")
    assert (unit["User"], unit["NoNewPrivileges"]) == ("orchestrator", "true")


@pytest.fixture
def restored() -> Iterator[str]:
    """Where the guide restores a backup; the site then uses it until the end of the test."""
    before = connections["default"]
    name = f"{connection.settings_dict['NAME']}_restored"
    url = database_url().replace(f"/{connection.settings_dict['NAME']}?", f"/{name}?")
    yield url
    connection.close()
    connections["default"] = before
    with psycopg.connect(database_url(), autocommit=True) as own:
        own.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_backup_is_restored_by_the_guides_commands_and_is_all_there(restored: str, tmp_path: Path) -> None:
    make_available("A", "B")
    kept = make_experiment().pk
    section = GUIDE.partition("## Backup and restore")[2].partition("\n## ")[0]
    commands = [line for line in section.splitlines() if line.startswith(("pg_", "createdb "))]
    own = connection.get_connection_params()
    name = restored.partition("@/")[2].partition("?")[0]

    for command in commands:
        told = command.replace("orchestrator_restored", name).replace("--owner orchestrator", f"--owner {own['user']}")
        subprocess.run(
            ["sh", "-ec", told], cwd=tmp_path, check=True, capture_output=True,
            env={
                "PATH": f"{find_bin_dir()}:{os.environ['PATH']}", "MIGRATION_DATABASE_URL": database_url(),
                "RESTORED_URL": restored, "PGHOST": str(own["host"]), "PGUSER": str(own["user"]),
            },
        )  # fmt: skip
    connection.close()
    said = database_settings(restored)
    connections["default"] = type(connections["default"])(connections.settings["default"] | said, "default")

    assert [command.split()[0] for command in commands] == ["pg_dump", "createdb", "pg_restore"]
    call_command("verify")
    call_command("replay")
    assert Experiment.objects.get().pk == kept
    assert set(ReplayRun.objects.values_list("verified", "differences")) == {(1, 0)}
