"""`manage.py evaluation`: from the draft to the sentence, and to its verification."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from tests.database import execute
from tests.outcomes.evaluations.hall import PLAN, Hall, make_phase, started

pytestmark = pytest.mark.django_db

DRAFT = [
    "create", "spring", "--metric", "R", "--estimand", "SYNCHRONISED", "--prices", "ENGINES", "--block-days", "1",
    "--max-hold-days", "0", "--worst-block", "9", "--horizon-blocks", "50", "--clock", "EVENT", "--busy-signals", "4",
    "--starts-at", "2014-06-02T00:00:00-04:00", "--note", "B is better.",
]  # fmt: skip


@pytest.fixture
def hall() -> Hall:
    make_phase()
    User.objects.create_user("bob").groups.add(Group.objects.get(name="operator"))
    User.objects.create_user("eve")
    return Hall()


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("evaluation", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def run_and_fail(*arguments: str) -> str:
    output = io.StringIO()
    with pytest.raises(SystemExit) as raised:
        call_command("evaluation", *arguments, stdout=output, stderr=io.StringIO())
    assert raised.value.code == 1
    return output.getvalue()


def test_it_goes_from_the_draft_to_the_sentence(hall: Hall) -> None:
    assert run("list") == "No evaluation yet; `create` writes the first draft.\n"
    assert "Draft spring created" in run(*DRAFT)
    with pytest.raises(CommandError, match="Somebody else must approve"):
        run("start", "spring")
    with pytest.raises(CommandError, match="permission to approve"):
        run("approve", "spring", "--by", "eve")
    run("approve", "spring", "--by", "bob")
    assert "attempt 1" in run("start", "spring")
    assert "opened a 0, b 0, missing a 0, b 0, a none, b none" in run("show", "spring")
    for day in range(2):
        hall.play(day, a="2.78", b="0.98")

    said = run("finish", "spring", "--reason", "The replay is over.")

    assert said == (
        "REPLAYED, a rehearsal: On the engines' own prices: "
        "Inconclusive after 2 blocks: not enough to separate A from B.\n"
    )
    assert "spring  FINISHED  attempt 1  INCONCLUSIVE" in run("list")
    shown = run("show", "spring")
    assert "2014-06-03" in shown
    assert ", 40 decides" in shown
    document = json.loads(run("show", "spring", "--json"))
    assert document["beside"]["mean_per_signal"] == "1.0"
    assert document["counts"]["compared"] == 2


def test_verify_finds_what_does_not_follow_from_the_fills(hall: Hall) -> None:
    started()
    for day in range(3):
        hall.play(day, a="2.78", b="0.98")
    run("finish", "spring")
    assert "3 judged blocks of spring recomputed from the fills: no difference." in run("verify", "spring")

    execute("SET session_replication_role = replica")
    execute("UPDATE evaluation_blocks SET x_high = 1.5 WHERE number = 2")
    execute("SET session_replication_role = DEFAULT")

    assert "block 2.1 x_high: stored 1.5, recomputed 1.0" in run_and_fail("verify", "spring")


def test_a_rehearsal_describes_history_and_gives_no_verdict(hall: Hall, tmp_path: Path) -> None:
    for day in range(4):
        hall.play(day, a="2.78", b="0.98")
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(PLAN))

    document: dict[str, Any] = json.loads(run("rehearse", "--plan", str(file), "--json"))

    assert document["state"] == "RETROSPECTIVE"
    assert "verdict" not in document
    assert [block["n"] for block in document["blocks"]] == [1, 1, 1, 1]
    assert (document["largest_block"], document["busy_signals"]) == ("1.00", 1)


def test_a_plan_that_is_none_is_refused(tmp_path: Path, hall: Hall) -> None:
    file = tmp_path / "plan.json"
    file.write_text("[1]")

    with pytest.raises(CommandError, match="Expected an object"):
        run("rehearse", "--plan", str(file))


def test_a_proposal_needs_enough_history(hall: Hall) -> None:
    hall.play()

    with pytest.raises(CommandError, match="fewer than 20 blocks"):
        run("propose", "--clock", "EVENT", "--prices", "ENGINES")


def test_a_proposal_says_what_each_length_of_blocks_costs(hall: Hall) -> None:
    for day in range(20):
        hall.play(day, a="2.78" if day % 2 else "0.69", b="0.98")

    found = json.loads(run("propose", "--clock", "EVENT", "--prices", "ENGINES", "--difference", "1", "--json"))

    (choice,) = found["choices"]
    assert (choice["block_days"], choice["blocks"], choice["worst_block"]) == (1, 20, "1.00")
    assert choice["weeks_to_better"]["half"] <= choice["weeks_to_better"]["most"]
    assert found["lines"][-1] == "Proposed: --block-days 1 --worst-block 1.00 --margin 0.5"
    assert found["lines"] == run("propose", "--clock", "EVENT", "--prices", "ENGINES", "--difference", "1").splitlines()
