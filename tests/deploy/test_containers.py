"""The guide's containers, built and started, where a container engine runs; elsewhere their files are read alone."""

from __future__ import annotations

import re
import secrets
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from django.conf import settings

from tests.deploy.tools import is_open
from tests.processes.harness import wait_until

ROOT = Path(settings.BASE_DIR)
GUIDE = (ROOT / "docs/deployment.md").read_text()
HOST = "desk.example"


def has_engine() -> bool:
    """Whether a container engine answers, not its client alone."""
    return shutil.which("docker") is not None and run("docker", "info").returncode == 0


def run(*command: str, at: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A clone whose containers run by the guide's commands, with a certificate of its own."""
    # Asked here, not when tests are collected: every test run would ask the engine.
    if not has_engine() or is_open(443):
        pytest.skip("needs a container engine, and port 443")
    clone = tmp_path / "clone"
    assert run("git", "clone", "--quiet", str(ROOT), str(clone)).returncode == 0
    docker = clone / "deploy/docker"
    names = re.findall(r"^(\w+)=", GUIDE.partition(".env <<'END'\n")[2].partition("END\n")[0], re.MULTILINE)
    values = {name: secrets.token_hex(32) for name in names} | {"HOST_NAME": HOST}
    (docker / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    (make_proxy,) = re.findall(r"^(sed -e .*? > deploy/docker/nginx\.conf)$", GUIDE, re.MULTILINE | re.DOTALL)
    assert run("sh", "-c", make_proxy.replace("YOUR.HOST", HOST), at=clone).returncode == 0
    (docker / "tls").mkdir()
    key, certificate = docker / f"tls/{HOST}.key", docker / f"tls/{HOST}.pem"
    subject = ("-newkey", "rsa:2048", "-nodes", "-x509", "-days", "1", "-subj", f"/CN={HOST}")
    assert run("openssl", "req", *subject, "-keyout", str(key), "-out", str(certificate)).returncode == 0
    shutil.copy(certificate, docker / "tls/clients.pem")
    (start,) = re.findall(r"^(docker compose -f deploy/docker/compose\.yaml) up -d --build$", GUIDE, re.MULTILINE)
    started = run(*start.split(), "up", "-d", "--build", at=clone)
    try:
        assert started.returncode == 0, started.stderr
        yield clone
    finally:
        run(*start.split(), "down", "--volumes", at=clone)


def get(path: str, site: Path) -> int | None:
    """What the proxy answers; None while it does not, a moment after the command that starts it."""
    trust = ssl.create_default_context(cafile=str(site / f"deploy/docker/tls/{HOST}.pem"))
    trust.check_hostname = False  # it is asked for by address
    with closing(HTTPSConnection("127.0.0.1", 443, context=trust, timeout=30)) as connection:
        try:
            connection.request("GET", path, headers={"Host": HOST})
            return connection.getresponse().status
        except OSError:
            return None


@pytest.mark.slow
def test_the_guides_containers_come_up_answer_and_keep_nothing_outside_the_database(site: Path) -> None:
    compose = ("docker", "compose", "-f", "deploy/docker/compose.yaml")
    in_web = (*compose, "exec", "-T", "web")

    wait_until(lambda: get("/admin/login/", site) == 200, what="the login page")
    assert get("/readyz", site) == 404
    verified = run(*in_web, "python", "manage.py", "verify", at=site)
    assert verified.returncode == 0, verified.stdout
    assert run(*in_web, "touch", "/srv/orchestrator/file", at=site).returncode != 0
    assert run(*in_web, "id", "-u", at=site).stdout.strip() == "10001"
    assert "MIGRATION_DATABASE_URL" not in run(*in_web, "env", at=site).stdout
    dumped = run(*compose, "exec", "-T", "database", "pg_dump", "--username", "orchestrator", "orchestrator", at=site)
    assert "CREATE TABLE public.signals" in dumped.stdout
