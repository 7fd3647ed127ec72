"""Answers that take a while: told line by line, one at a time, and given up once nobody waits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections

from admin_kit.steps import Tell, answer_in_steps
from kernel.errors import DomainError


def lines_of(work: Callable[[Tell], str], *, patience: float = 5.0) -> Iterator[dict[str, str]]:
    answer = answer_in_steps(work, patience=patience)
    try:
        for line in cast("Iterator[bytes]", answer.streaming_content):
            yield json.loads(line)
    finally:
        # As Django's test client does: the end of a request looks after the connections of this thread.
        request_finished.disconnect(close_old_connections)
        answer.close()
        request_finished.connect(close_old_connections)


def test_what_is_told_comes_before_what_was_found() -> None:
    def work(tell: Tell) -> str:
        tell("half of it")
        return "<p>all of it</p>"

    assert list(lines_of(work)) == [{"told": "half of it"}, {"html": "<p>all of it</p>"}]


def test_what_is_refused_is_said_and_what_breaks_is_raised() -> None:
    def refuses(tell: Tell) -> str:
        raise DomainError("invalid_evaluation", "History is too short.")

    def breaks(tell: Tell) -> str:
        raise ZeroDivisionError

    assert list(lines_of(refuses)) == [{"error": "History is too short."}]
    with pytest.raises(ZeroDivisionError):
        list(lines_of(breaks))


def test_one_runs_at_a_time_and_the_next_may_when_it_has_ended() -> None:
    first = lines_of(waits := Waiting())
    assert next(first) == {"told": "begun"}

    (refused,) = lines_of(lambda _: "two at once", patience=0)

    assert refused == {"error": "Another computation is running. Try again when it has finished."}
    waits.may_go_on.set()
    assert list(first) == [{"told": "and on"}, {"html": "done"}]
    assert list(lines_of(lambda _: "the next")) == [{"html": "the next"}]


def test_it_ends_when_nobody_waits_any_more() -> None:
    first = lines_of(waits := Waiting())
    assert next(first) == {"told": "begun"}

    first.close()  # type: ignore[attr-defined]
    waits.may_go_on.set()

    # Whoever asks again at once waits for it.
    assert list(lines_of(lambda _: "the next", patience=30)) == [{"html": "the next"}]
    waits.thread.join(timeout=30)
    assert (waits.thread.is_alive(), waits.has_ended) == (False, False)


class Waiting:
    """Work that tells, waits for a sign, tells again and ends."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.has_ended = False
        self.thread = threading.current_thread()

    def __call__(self, tell: Tell) -> str:
        self.thread = threading.current_thread()
        tell("begun")
        assert self.may_go_on.wait(30)
        tell("and on")
        self.has_ended = True
        return "done"
