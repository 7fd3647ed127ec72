"""What the worker is told to settle: all that can be, in turn and for two seconds, and nothing that waits in vain."""

from __future__ import annotations

import pytest

from outcomes.models import ExitDirective
from outcomes.services import due, settle_due
from outcomes.tasks import WORK_IS_DUE
from tests.database import rows, value
from tests.factories import api_client
from tests.outcomes.desk import C72_5_JULY, let_time_pass, make_desk, neutral_quote

pytestmark = pytest.mark.django_db


def kinds_due() -> list[str]:
    """What is due, in turn; the broker asks the same."""
    found = [what for what, _ in rows(due.IN_TURN)]
    assert value(WORK_IS_DUE) == bool(found)
    return found


@pytest.fixture
def _feeder() -> None:
    """Quotes of a neutral feed are expected."""
    api_client("feeder")


@pytest.mark.usefixtures("_feeder")
def test_an_entry_is_due_once_it_is_quoted_or_cannot_be_any_more() -> None:
    quoted, unquoted = make_desk(), make_desk()
    quoted.open_shadow()
    assert kinds_due() == []
    neutral_quote(C72_5_JULY, "0.94", "0.98", "2014-06-05T14:00:00Z")

    assert kinds_due() == ["entry"]
    settle_due()
    unquoted.open_shadow(entry_time="2014-06-05T15:00:00Z")
    assert kinds_due() == []
    let_time_pass(seconds=66)
    assert kinds_due() == ["entry"]


@pytest.mark.usefixtures("_feeder")
def test_an_exit_that_nobody_quoted_is_due_again_with_the_next_quote_and_at_its_end() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    neutral_quote(C72_5_JULY, "0.94", "0.98", "2014-06-05T14:00:00Z")
    settle_due()
    desk.a.close(real_id)
    assert kinds_due() == []
    let_time_pass(seconds=6)
    assert kinds_due() == ["exit directive"]

    assert settle_due() == 0
    assert kinds_due() == []
    neutral_quote(C72_5_JULY, "1.30", "1.35", "2014-06-05T17:59:59Z")
    assert kinds_due() == ["exit directive"]
    assert settle_due() == 1
    assert ExitDirective.objects.get().state == "DONE"


def test_an_exit_that_nobody_quotes_is_due_when_its_time_is_over() -> None:
    desk = make_desk()
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    settle_due()
    assert kinds_due() == []

    let_time_pass(seconds=3601)

    # Its prices are checked by themselves at the exit, because nobody will quote them later.
    assert kinds_due() == ["exit directive"]


def test_a_shadow_that_left_by_itself_is_due_once_no_real_trade_can_come() -> None:
    desk = make_desk()
    shadow_id = desk.open_shadow()
    assert desk.leave_by_its_own_rules(shadow_id).status == 202
    assert kinds_due() == []

    let_time_pass(seconds=331)

    assert kinds_due() == ["shadow"]


def test_a_shadow_that_follows_a_real_trade_is_not_due_by_its_own_exit() -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    assert desk.leave_by_its_own_rules(shadow_id).status == 202
    assert kinds_due() == []

    desk.a.close(real_id)
    settle_due()

    assert ExitDirective.objects.get().state == "PENDING"
    assert kinds_due() == []


def many_things_due() -> None:
    """Three entries, and one price of a real trade to check."""
    api_client("feeder")
    for _ in range(3):
        make_desk().open_shadow()
    desk = make_desk()
    desk.a.close(desk.open_real())
    neutral_quote(C72_5_JULY, "0.94", "0.98", "2014-06-05T14:00:00Z")
    let_time_pass(seconds=70)


def test_kinds_of_work_take_turns() -> None:
    many_things_due()

    assert kinds_due() == ["entry", "prices", "entry", "entry"]


def test_a_tick_ends_when_its_time_is_over_but_gets_on_by_one_thing_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    many_things_due()
    monkeypatch.setattr(due, "MAX_SECONDS", 0.0)

    assert [settle_due() for _ in range(5)] == [1, 1, 1, 1, 0]
