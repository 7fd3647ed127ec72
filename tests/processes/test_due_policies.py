"""Scheduled policies that came due while nothing ran: workers that start apply them once and say that it is late."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from experiments.models import WorkerHeartbeat
from policies.models import PolicyVersion
from policies.selectors import active_policy
from tests.factories import make_policy
from tests.policies.control import entries, let_it_be_due, make_draft, schedule
from tests.processes.harness import manage, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def start_two_workers(folder: Path) -> str:
    """Run two workers that start at once until both have begun their work; return what they logged."""
    logs = [folder / "one.log", folder / "two.log"]
    with ExitStack() as stack:
        for log in logs:
            stack.enter_context(manage("worker", log=log))
        wait_until(lambda: WorkerHeartbeat.objects.count() == 2, what="the first heartbeat of both")
    return "".join(log.read_text() for log in logs)


def test_one_that_came_due_while_nothing_ran_is_applied_once_at_the_start(tmp_path: Path) -> None:
    draft = schedule(make_draft(split_percentage="20"))
    let_it_be_due(draft, seconds_ago=7200)

    logged = start_two_workers(tmp_path)

    policy = active_policy()
    assert policy is not None
    assert (policy.version, policy.content_hash) == (2, draft.content_hash)
    assert logged.count('"event": "policy.activated_late"') == 1
    assert len(entries("policy.activated_late")) == 1


def test_one_whose_ground_has_moved_is_refused_once_at_the_start(tmp_path: Path) -> None:
    draft = schedule(make_draft())
    theirs = make_policy(split_percentage="70")
    let_it_be_due(draft, seconds_ago=7200)

    logged = start_two_workers(tmp_path)

    draft.refresh_from_db()
    assert draft.state == "REFUSED"
    assert active_policy() == theirs
    assert PolicyVersion.objects.count() == 2
    assert logged.count('"event": "policy.activation_refused"') == 1
