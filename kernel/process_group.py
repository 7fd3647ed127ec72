"""Run several programs as one: start them, restart what dies, stop them all together."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from kernel.events import PROGRAM_DIED, PROGRAM_FAILED, PROGRAM_KILLED, PROGRAM_STARTED
from kernel.processes import kill_group, start_child

# All must be over within 5 s; a worker's supervisor kills a cluster that hangs after 4.
STOP_SECONDS = 4.8
# A program that dies this often within a minute will not get better by being started again.
RESTARTS_PER_MINUTE = 5


@dataclass(slots=True)
class Program:
    """One program of the group: a name for the log, its command, extra environment, and where its output goes.

    `output` None leaves it where this process writes.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    output: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_PER_MINUTE))

    def start(self) -> None:
        """Start it in a session of its own; it dies with this process even if that is killed."""
        self.process = start_child(self.command, self.environment, self.output)
        PROGRAM_STARTED.log(program=self.name, pid=self.process.pid)

    def exit_code(self) -> int | None:
        """The code it ended with; None while it runs or before its start."""
        return None if self.process is None else self.process.poll()

    def has_died_for_good(self) -> bool:
        """Count a death; whether it was one too many within a minute."""
        self.deaths.append(monotonic())
        return len(self.deaths) == RESTARTS_PER_MINUTE and self.deaths[-1] - self.deaths[0] < 60


class ProcessGroup:
    """Programs that live and end together."""

    def __init__(self, programs: Sequence[Program] = ()) -> None:
        self.programs = list(programs)
        self.stopping = threading.Event()
        self.failed: Program | None = None

    def stop(self, signum: int = 0, frame: object = None) -> None:
        """Handle SIGTERM and SIGINT: only set a flag, because a handler must not wait."""
        self.stopping.set()

    def start(self) -> None:
        """Start every program."""
        for program in self.programs:
            program.start()

    def add(self, program: Program) -> None:
        """Start one more program, which then belongs to the group."""
        program.start()
        self.programs.append(program)

    def watch(self) -> None:
        """Keep all programs running until `stop`, or until one has died for good: that is then `failed`."""
        while self.failed is None and not self.stopping.wait(0.5):
            for program in self.programs:
                if (code := program.exit_code()) is None:
                    continue
                PROGRAM_DIED.log(program=program.name, code=code)
                if program.has_died_for_good():
                    PROGRAM_FAILED.log(program=program.name)
                    self.failed = program
                    break
                program.start()
        self.end()

    def end(self, seconds: float = STOP_SECONDS) -> None:
        """Ask all to stop, then kill what is left after `seconds`; each with everything it started."""
        running = [p.process for p in self.programs if p.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = monotonic() + seconds
        for process in running:
            try:
                # Even the last of many gets a moment, or one that has just ended would be logged as killed.
                process.wait(max(deadline - monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                PROGRAM_KILLED.log(pid=process.pid)
            # Also where the program has ended: what it started may outlive it in its group.
            kill_group(process.pid)
            process.wait()
