"""A stopped cluster to copy, and data folders that are clean again afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_postgres.data_folder import end_processes
from tests.embedded_postgres.harness import HoldingProcess, end_grace_period, wait_until_gone


@pytest.fixture(scope="session")
def stopped_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that was started once and stopped cleanly; copy it instead of paying for initdb."""
    data_dir = tmp_path_factory.mktemp("template") / "postgres"
    with HoldingProcess(data_dir) as holder:
        assert holder.url
        holder.leave()
    wait_until_gone(data_dir)
    return data_dir


@pytest.fixture
def empty_place(tmp_path: Path) -> Iterator[Path]:
    """A data folder that does not exist yet."""
    data_dir = tmp_path / ".data" / "postgres"
    yield data_dir
    leave_nothing(data_dir)


@pytest.fixture
def data_dir(stopped_cluster: Path, empty_place: Path) -> Path:
    """A data folder with a stopped cluster."""
    empty_place.parent.mkdir()
    shutil.copytree(stopped_cluster, empty_place)
    return empty_place


def leave_nothing(data_dir: Path) -> None:
    """Wait for the end, so that a leaked server fails the test; then end it by force."""
    end_grace_period(data_dir)
    try:
        wait_until_gone(data_dir)
    finally:
        end_processes(data_dir)
