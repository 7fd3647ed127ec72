"""Until an engine has answered, neither views nor answers to questions tell whether it will trade for real.

The same signal is assigned to either engine under the same policy, and everything that can be read or asked is compared
to the last byte, however far the other engine is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from experiments.models import Experiment
from kernel.errors import DomainError
from orchestrator_site.analyst.views import VIEWS
from orchestrator_site.ask import questions
from tests.acceptance.test_blindness import OTHER, STAGES
from tests.database import rows
from tests.orchestrator_site.blind import names_of, seen
from tests.outcomes.desk import EngineClient
from tests.outcomes.evaluations.hall import make_phase, started

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
# Numbers that are drawn from a sequence, whatever was taken back.
DRAWN = {"entry_id", "delivery_id"}


def read_everything() -> list[Any]:
    """All that the views show, as text, but for what they say of the keys that each test draws."""
    found: list[Any] = []
    for view in VIEWS:
        names = ", ".join(f'"{name}"' for name, _, _ in view.columns if name not in DRAWN)
        kept = "WHERE action NOT LIKE 'api_key%'" if view.name == "audit" else ""
        found.append((view.name, sorted(rows(f"SELECT row({names})::text FROM analyst.{view.name} {kept}"))))
    return found


def ask_everything(guesses: list[str]) -> list[str]:
    """Every question, about every name that might be one of the signal."""
    return [
        *(told(questions.why, name) for name in guesses),
        told(questions.state),
        told(questions.evaluation),
        told(questions.policy_changes),
        *(told(questions.worst_trades, engine, kind, 9) for engine in "AB" for kind in ("real", "shadow", "own_exit")),
    ]


def told(question: Callable[..., BaseModel], *arguments: Any) -> str:
    """The whole answer, or what the error says."""
    try:
        return question(*arguments).model_dump_json()
    except DomainError as error:
        return f"{error.code}: {error.detail}"


# Of the other engine the last stage, which has all the others in it.
@pytest.mark.parametrize(("name", "stages"), [("A", STAGES), ("B", STAGES[-1:])])
def test_nothing_tells_whose_a_signal_is_before_its_engine_has_answered(name: str, stages: list[str]) -> None:
    moment = datetime.now(UTC)
    make_phase()
    started(clock="WALL", starts_at=None)
    # What names the signal under either assignment: whoever guesses one must not learn whether the guess was right.
    guesses: list[str] = []
    for executed in "AB":
        seen(name, executed, STAGES[0], moment, lambda experiment: guesses.extend(names_of(experiment)))

    def look(_: Experiment) -> list[Any]:
        return [read_everything(), ask_everything(guesses)]

    for stage in stages:
        real, shadow = (seen(name, executed, stage, moment, look) for executed in (name, OTHER[name]))

        assert "Who trades it for real is told once both engines have answered" in real
        assert real == shadow, stage


def test_the_comparison_finds_what_is_told_once_both_have_answered() -> None:
    """The control."""
    moment = datetime.now(UTC)
    make_phase()

    def look(experiment: Experiment) -> list[Any]:
        EngineClient("A").recommend(experiment)
        return [read_everything(), ask_everything([str(experiment.pk)])]

    real, shadow = (seen("A", executed, "has answered", moment, look) for executed in "AB")

    assert real != shadow
    assert ",REAL," in real
    assert '"executed_engine":"A"' in real
