"""A shadow exit that nobody prices in time ends UNPRICED: counted, never guessed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from outcomes.models import ExitDirective, ShadowOutcome, ShadowTrade
from outcomes.services import settle_due
from tests.outcomes.desk import C70, C72_5_JULY, Desk, leg, let_time_pass, make_desk, plan, quote

pytestmark = pytest.mark.django_db

LIVES = {"exit_directive_ttl_seconds": 60, "max_answer_age_seconds": 600, "entry_window_seconds": 300}


@pytest.fixture
def desk() -> Desk:
    """Directives live for a minute once their shadow is there."""
    return make_desk(policy=LIVES)


def test_a_directives_time_begins_when_its_shadow_exists(desk: Desk) -> None:
    desk.a.close(desk.open_real())
    waiting = ExitDirective.objects.get()
    let_time_pass(seconds=100)

    desk.open_shadow()

    directive = ExitDirective.objects.get()
    opened = ShadowTrade.objects.get().opened_at
    assert waiting.expires_at - waiting.issued_at == timedelta(seconds=900)
    assert directive.expires_at == opened + timedelta(seconds=60)
    assert (settle_due(), directive.state) == (0, "PENDING")


def test_an_overdue_shadow_ends_unpriced_at_the_real_exit_time() -> None:
    desk = make_desk(policy=LIVES | {"fee_per_contract": "0.65"})
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    let_time_pass(seconds=61)

    assert settle_due() == 1

    shadow, outcome, directive = ShadowTrade.objects.get(), ShadowOutcome.objects.get(), ExitDirective.objects.get()
    assert (shadow.status, shadow.exit_price, shadow.exit_time) == ("UNPRICED", None, directive.exit_time)
    assert (outcome.pnl, outcome.gross_pnl, outcome.exit_price, outcome.compared_pnl) == (None, None, None, None)
    assert (outcome.price_provenance, outcome.exit_reason, outcome.fees) == (
        "UNPRICED", "SYNCHRONISED", Decimal("0.65"),
    )  # fmt: skip
    assert (directive.state, directive.settled_at) == ("UNPRICED", outcome.recorded_at)


def test_expiry_happens_once(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    let_time_pass(seconds=61)

    assert [settle_due(), settle_due()] == [1, 0]
    assert ShadowOutcome.objects.count() == 1


def test_without_a_shadow_in_time_there_was_nothing_to_close(desk: Desk) -> None:
    desk.a.close(desk.open_real())
    let_time_pass(seconds=899)
    assert settle_due() == 0

    let_time_pass(seconds=2)

    assert settle_due() == 1
    assert ExitDirective.objects.get().state == "NO_SHADOW"


def test_an_overdue_directive_is_not_listed_and_a_late_report_settles_it_unpriced(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    directive_id = desk.b.pending()[0]["id"]
    let_time_pass(seconds=61)

    answer = desk.b.report(directive_id, quotes={C72_5_JULY: quote()})

    assert desk.b.pending() == []
    assert (answer.status, answer.code) == (409, "directive_settled")
    assert ShadowTrade.objects.get().status == "UNPRICED"


def test_a_part_that_nobody_priced_leaves_the_whole_shadow_unpriced(desk: Desk) -> None:
    desk = make_desk(policy=LIVES, plan_a=plan(quantity="2"), plan_b=plan(leg(C72_5_JULY), quantity="2"))
    real_id, _ = desk.open_real(quantity="2"), desk.open_shadow(quantity="2")
    half = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}]
    desk.a.post(f"trades/{real_id}/fills", {"fill_ref": "half", "time": "2014-06-05T16:00:00Z", "legs": half})
    let_time_pass(seconds=61)
    assert settle_due() == 1
    assert ShadowTrade.objects.get().status == "OPEN"

    desk.a.close(real_id, market_conditions={"quotes": {C72_5_JULY: quote()}})

    assert [each.state for each in ExitDirective.objects.order_by("number")] == ["UNPRICED", "DONE"]
    assert ShadowTrade.objects.get().status == "UNPRICED"
    assert ShadowOutcome.objects.get().pnl is None


def test_each_experiment_is_settled_by_itself(desk: Desk) -> None:
    other = make_desk(policy={"exit_directive_ttl_seconds": 3600})
    for each in (desk, other):
        real_id, _ = each.open_real(), each.open_shadow()
        each.a.close(real_id)
    let_time_pass(seconds=61)

    assert settle_due() == 1
    assert ExitDirective.objects.get(state="PENDING").experiment_id == other.experiment.pk
