"""What is archived stays in the analysts' views of outcomes and pairs, and among what assistants are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archives.keeping import archive
from orchestrator_site.ask import questions
from tests.archives.shelf import finished_signal, is_here, later_gain, let_days_pass
from tests.database import execute_unguarded, rows

pytestmark = pytest.mark.django_db(transaction=True)


def told() -> list[Any]:
    # Whether they were replayed, only the files of archived ones say.
    views = [
        sorted(map(str, rows(f"SELECT to_jsonb(told) - 'replayed' FROM analyst.{name} told")))
        for name in ("outcomes", "pairs")
    ]
    return [*views, questions.worst_trades("A", "shadow", 10), questions.worst_trades("B", "shadow", 10)]


def test_views_and_answers_are_the_same_before_and_after(folder: Path) -> None:
    old = finished_signal()
    later_gain()
    execute_unguarded("UPDATE signal_distributions SET answered_at = now()")
    let_days_pass(40)
    before = told()

    assert archive() == 1

    assert not is_here(old)
    assert str(old.pk) in str(before)
    assert told() == before
