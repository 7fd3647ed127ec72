"""A stored history replays the same for ever: on every Python, in every zone and language, without a database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rfc8785

from experiments.core.verification import Verifier
from tests.golden import history

ROOT = Path(__file__).parents[3]
PYTHONS = ["python3.11", "python3.12", "python3.13"]
SURROUNDINGS = [
    {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "0"},
    {"TZ": "America/New_York", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    {"TZ": "UTC-14", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4294967295"},
    {"LANG": "de_DE.ISO-8859-1", "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONOPTIMIZE": "2"},
]


def test_every_decision_of_the_history_replays() -> None:
    verified, found = history.verify()

    assert found == []
    assert verified >= 60


def test_the_history_holds_decisions_of_every_kind() -> None:
    recorded = history.experiments()

    assert {one.reason for one in recorded} >= {
        "PAPER_DEFAULT", "CONFIGURED", "SPLIT", "HALTED", "GUARDRAIL", "LIVE_NOT_ENABLED", "ENGINE_A_UNAVAILABLE",
        "ENGINE_B_UNAVAILABLE",
    }  # fmt: skip
    assert {one.variant for one in recorded} == {"A", "B"}
    assert {one.assignment_key_id for one in recorded} == history.keys().keys()
    assert any('"market_data":{' in str(one.context) for one in recorded)
    assert not any("not-to-be-kept" in str(one) for one in recorded)


def test_a_changed_history_does_not_replay() -> None:
    one = history.experiments()[0]
    inputs = json.dumps(json.loads(str(one.inputs)) | {"halted": True}, sort_keys=True, separators=(",", ":"))

    assert Verifier(history.policies(), history.keys()).differences(one._replace(inputs=inputs))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the one package that the pure core needs, and no other."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "rfc8785").symlink_to(Path(rfc8785.__file__).parent)
    return folder


def replay_elsewhere(python: str, packages: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Replay the history in a process of its own, without the packages that this Python has."""
    surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{packages}"} | environment
    command = [python, "-S", "-m", "tests.golden.history"]
    return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.processes
@pytest.mark.parametrize("environment", SURROUNDINGS, ids=str)
def test_zone_language_and_hash_seed_change_nothing(environment: dict[str, str], packages: Path) -> None:
    process = replay_elsewhere(sys.executable, packages, **environment)

    assert (process.returncode, process.stderr) == (0, "")
    assert int(process.stdout) == len(history.experiments())


def interpreter(name: str) -> str | None:
    """Return a Python that starts: on the path, or where pyenv and uv keep theirs; None when there is none."""
    version, home = name.removeprefix("python"), Path.home()
    kept = [*home.glob(f".pyenv/versions/{version}.*"), *home.glob(f".local/share/uv/python/cpython-{version}.*")]
    # What pyenv puts on the path for a version that is not chosen starts nothing.
    for candidate in [shutil.which(name), *(str(folder / "bin" / name) for folder in sorted(kept))]:
        if candidate and not subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode:
            return candidate
    return None


@pytest.mark.processes
@pytest.mark.parametrize("name", PYTHONS)
def test_every_python_found_replays_it(name: str, packages: Path) -> None:
    python = interpreter(name)
    if python is None:
        pytest.skip(f"no {name} here")

    process = replay_elsewhere(python, packages)

    assert (process.returncode, process.stderr) == (0, "")
    assert int(process.stdout) == len(history.experiments())
