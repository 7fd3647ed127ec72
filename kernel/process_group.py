"""Run several programs as one: start them, restart what dies or stands still, stop them all together.

A program that lives may still do nothing: stopped, or stuck. Those that are watched for progress say `beat` now and
then; each group says so, too, to whoever started it, so that the watchers are watched up to the first one. That one
tells systemd, if it runs under it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic

from kernel.events import PROGRAM_DIED, PROGRAM_FAILED, PROGRAM_KILLED, PROGRAM_STARTED, PROGRAM_STUCK
from kernel.processes import AT_WORK, BEAT_PIPE, StopSign, beat, kill_group, start_child

# All must be over within 5 s; a worker's supervisor kills a cluster that hangs after 4.
STOP_SECONDS = 4.8
# A program that ends by itself this often within a minute will not get better by being started again. One that is
# killed or stands still may: that says nothing of it, and the others serve on meanwhile.
RESTARTS_PER_MINUTE = 5
# Of a program that is watched for progress: until its first beat, before it loads anything large, and between two.
# Whenever one stands still, it is replaced within ten seconds, a look that comes late included.
FIRST_BEAT_SECONDS = 7.0
PATIENCE_SECONDS = 5.0
WATCH_SECONDS = 0.5
# How long at most the others wait for the programs that go first.
HEAD_START_SECONDS = 3.0


@dataclass(slots=True)
class Program:
    """One program of the group: a name for the log, its command, extra environment, and where its output goes.

    `output` None leaves it where this process writes. `must_beat` says that it is killed and started again when it
    does not `beat` for `patience` seconds, and `goes_first` that the others are loaded once it is at work: all at once
    they would share the processors; `descriptors` are open files of ours that it inherits.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    output: Path | None = None
    must_beat: bool = False
    patience: float = PATIENCE_SECONDS
    goes_first: bool = False
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_PER_MINUTE))
    beats: int | None = None
    due: float = 0.0
    is_at_work: bool = False

    def start(self) -> None:
        """Start it in a session of its own; it dies with this process even if that is killed."""
        if self.beats is not None:
            os.close(self.beats)
        self.beats, pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            environment = {**self.environment, BEAT_PIPE: str(pipe)}
            self.process = start_child(self.command, environment, self.output, (pipe, *self.descriptors))
        finally:
            os.close(pipe)
        self.due = monotonic() + FIRST_BEAT_SECONDS
        self.is_at_work = False
        PROGRAM_STARTED.log(program=self.name, pid=self.process.pid)

    def is_stuck(self) -> bool:
        """Whether it has not said for too long that it makes progress."""
        assert self.beats is not None
        with suppress(BlockingIOError):
            while said := os.read(self.beats, 4096):
                self.due = monotonic() + self.patience
                self.is_at_work |= AT_WORK in said
        return self.must_beat and monotonic() > self.due

    def is_loading(self) -> bool:
        """Whether it lives, says so, and has not come to its work."""
        return not self.is_stuck() and not self.is_at_work and self.exit_code() is None

    def exit_code(self) -> int | None:
        """The code it ended with; None while it runs or before its start."""
        return None if self.process is None else self.process.poll()

    def has_died_for_good(self) -> bool:
        """Count an end of its own; whether it was one too many within a minute."""
        self.deaths.append(monotonic())
        return len(self.deaths) == RESTARTS_PER_MINUTE and self.deaths[-1] - self.deaths[0] < 60


class ProcessGroup:
    """Programs that live and end together."""

    def __init__(self, programs: Sequence[Program] = ()) -> None:
        self.programs = list(programs)
        self.stopping = StopSign()
        self.failed: Program | None = None
        self.due = inf

    def stop(self, signum: int = 0, frame: object = None) -> None:
        """Handle SIGTERM and SIGINT: only set a flag, because a handler must not wait."""
        self.stopping.set()

    def start(self) -> None:
        """Start every program, those that go first before the others."""
        first = [program for program in self.programs if program.goes_first]
        for program in first:
            program.start()
        ends = monotonic() + HEAD_START_SECONDS
        while any(program.is_loading() for program in first) and monotonic() < ends and not self.stopping.wait(0.02):
            pass
        for program in self.programs:
            if not program.goes_first:
                program.start()
        self.due = monotonic() + WATCH_SECONDS

    def add(self, program: Program) -> None:
        """Start one more program, which then belongs to the group."""
        program.start()
        self.programs.append(program)

    def watch(self, stop_seconds: float = STOP_SECONDS) -> None:
        """Keep all programs running until `stop`, or until one has died for good: that is then `failed`."""
        while self.goes_on():
            beat()
        self.end(stop_seconds)

    def goes_on(self) -> bool:
        """Wait for a moment, then start again what has died or stands still; whether all is to run on."""
        if self.failed is not None or self.stopping.wait(WATCH_SECONDS):
            return False
        # Where the whole machine stood still, nobody could say anything.
        late, self.due = max(monotonic() - self.due, 0), monotonic() + WATCH_SECONDS
        for program in self.programs:
            program.due += late
            if (code := program.exit_code()) is not None:
                PROGRAM_DIED.log(program=program.name, code=code)
                if code != -signal.SIGKILL and program.has_died_for_good():
                    PROGRAM_FAILED.log(program=program.name)
                    self.failed = program
                    break
            elif program.is_stuck():
                assert program.process is not None
                PROGRAM_STUCK.log(program=program.name, pid=program.process.pid)
                kill_group(program.process.pid)
                program.process.wait()
            else:
                continue
            program.start()
        return self.failed is None

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
