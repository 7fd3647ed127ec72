"""A shadow exit that nobody prices in time ends UNPRICED: counted, never guessed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from outcomes.models import ExitDirective, ShadowOutcome, ShadowTrade
from outcomes.tasks import expire_directives
from tests.outcomes.desk import C72_5_JULY, Desk, make_desk, quote

pytestmark = pytest.mark.django_db

QUOTED = {"quotes": {C72_5_JULY: quote()}}


@pytest.fixture
def desk() -> Desk:
    """A real trade that has left without quoting anything; directives live for a minute."""
    return make_desk(policy={"exit_directive_ttl_seconds": 60})


def let_time_pass(*, seconds: int) -> None:
    ExitDirective.objects.update(expires_at=F("expires_at") - timedelta(seconds=seconds))


def test_a_directive_lives_as_long_as_the_pinned_policy_says(desk: Desk) -> None:
    desk.a.close(desk.open_real())

    directive = ExitDirective.objects.get()

    assert directive.expires_at - directive.issued_at == timedelta(seconds=60)
    assert expire_directives() == 0
    assert directive.state == "PENDING"


def test_an_overdue_shadow_ends_unpriced_at_the_real_exit_time(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow(fees="0.65")
    desk.a.close(real_id)
    let_time_pass(seconds=61)

    assert expire_directives() == 1

    shadow, outcome, directive = ShadowTrade.objects.get(), ShadowOutcome.objects.get(), ExitDirective.objects.get()
    assert (shadow.status, shadow.exit_price, shadow.exit_time) == ("UNPRICED", None, directive.exit_time)
    assert (outcome.pnl, outcome.exit_price, outcome.price_provenance) == (None, None, "UNPRICED")
    assert (outcome.fees, outcome.exit_reason) == (shadow.entry_fees, "SYNCHRONISED")
    assert (directive.state, directive.settled_at) == ("UNPRICED", outcome.recorded_at)


def test_expiry_happens_once(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    let_time_pass(seconds=61)

    assert [expire_directives(), expire_directives()] == [1, 0]
    assert ShadowOutcome.objects.count() == 1


def test_without_a_shadow_there_was_nothing_to_close(desk: Desk) -> None:
    desk.a.close(desk.open_real())
    let_time_pass(seconds=61)

    assert expire_directives() == 1
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


def test_a_shadow_opened_after_expiry_is_still_priced_by_the_kept_conditions(desk: Desk) -> None:
    desk.a.close(desk.open_real(), market_conditions=QUOTED)
    let_time_pass(seconds=61)
    expire_directives()

    desk.open_shadow()

    assert (ShadowTrade.objects.get().status, ExitDirective.objects.get().state) == ("CLOSED", "PRICED")


def test_a_shadow_opened_after_expiry_that_nothing_prices_is_unpriced_at_once(desk: Desk) -> None:
    desk.a.close(desk.open_real())
    let_time_pass(seconds=61)
    expire_directives()

    desk.open_shadow()

    assert (ShadowTrade.objects.get().status, ExitDirective.objects.get().state) == ("UNPRICED", "UNPRICED")


def test_each_experiment_is_settled_by_itself(desk: Desk) -> None:
    other = make_desk(policy={"exit_directive_ttl_seconds": 3600})
    for each in (desk, other):
        each.a.close(each.open_real())
    let_time_pass(seconds=61)

    assert expire_directives() == 1
    assert ExitDirective.objects.get(state="PENDING").experiment_id == other.experiment.pk
