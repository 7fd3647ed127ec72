"""What several requirements forbid, watched while a test runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from types import FrameType
from typing import Any

import pytest

from tests.acceptance.criteria import criteria_of, modules_by_criterion
from tests.size.source import ROOT


class Visits:
    """Whether a function of some module of each group runs, in this thread or in one that starts meanwhile.

    It listens until each group has been visited and no longer: a listener makes every call twice as dear.
    """

    def __init__(self, groups: Iterable[set[str]]) -> None:
        self._groups = list(groups)
        self._awaited = {str(ROOT / module): module for group in self._groups for module in group}
        self._visited: set[str] = set()

    def lacks(self, group: set[str]) -> bool:
        """Whether nothing of these modules has run."""
        return not group & self._visited

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs."""
        threading.setprofile(self._called)
        sys.setprofile(self._called)
        try:
            yield
        finally:
            self._stop()

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # What a module does when it is imported, and what makes a class, has no optimised locals.
        if event == "call" and code.co_filename in self._awaited and code.co_flags & CO_OPTIMIZED:
            self._visited.add(self._awaited[code.co_filename])
            if not any(map(self.lacks, self._groups)):
                self._stop()

    def _stop(self) -> None:
        threading.setprofile(None)
        sys.setprofile(None)


@pytest.fixture(autouse=True)
def _code_of_a_module_named_for_the_criterion_runs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that runs no code of the modules that docs/requirements.md names for its criterion."""
    criteria = criteria_of(request.node.name.partition("[")[0])
    # Other processes cannot be watched from here.
    if not criteria or request.node.get_closest_marker("processes"):
        yield
        return
    awaited = {criterion: modules_by_criterion()[criterion] for criterion in criteria}
    visits = Visits(awaited.values())
    with visits.running():
        yield
    for criterion, named in awaited.items():
        assert not visits.lacks(named), (
            f"docs/requirements.md says {sorted(named)} keep {criterion}; nothing of them ran"
        )


@pytest.fixture
def calls_to_others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections, look-ups of hosts and programs that Python code asked for; the database's own go past Python."""
    asked: list[str] = []

    def record(name: str) -> Any:
        def refuse(*_: object, **__: object) -> Any:
            asked.append(name)
            raise OSError(f"{name} is watched by this test")

        return refuse

    monkeypatch.setattr(socket.socket, "connect", record("connect"))
    monkeypatch.setattr(socket.socket, "connect_ex", record("connect_ex"))
    monkeypatch.setattr(socket.socket, "sendto", record("sendto"))
    monkeypatch.setattr(socket, "getaddrinfo", record("getaddrinfo"))
    monkeypatch.setattr(subprocess, "Popen", record("Popen"))
    return asked


@pytest.fixture
def no_randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all ids and tokens that Python draws come out the same; the module `random` is banned by the linter."""
    monkeypatch.setattr(os, "urandom", bytes)
