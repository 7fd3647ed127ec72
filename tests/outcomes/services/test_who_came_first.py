"""Whether a shadow was there when the real trade left: by arrival, of a replayed source by the times of the market."""

from __future__ import annotations

from decimal import Decimal

import pytest

from outcomes.models import ExitDirective, ShadowOutcome, ShadowTrade
from outcomes.services import settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C72_5_JULY,
    EXIT_TIME,
    Desk,
    let_time_pass,
    live_desk,
    make_desk,
    neutral_quote,
    now,
    quote,
)

pytestmark = pytest.mark.django_db

QUOTED = {"quotes": {C72_5_JULY: quote()}}


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_replayed_shadow_that_entered_before_the_exit_follows_it_however_late_it_is_told(desk: Desk) -> None:
    desk.a.close(desk.open_real(), market_conditions=QUOTED)

    shadow_id = desk.open_shadow(entry_time=EXIT_TIME, entry_quotes={C72_5_JULY: quote("0.94", "0.98")})

    shadow = desk.b.get(f"trades/{shadow_id}").body
    assert (shadow["status"], shadow["pnl"], shadow["exit_time"]) == ("CLOSED", "33.00", EXIT_TIME)
    assert ExitDirective.objects.get().state == "DONE"


def test_one_that_entered_after_it_has_no_synchronised_outcome(desk: Desk) -> None:
    desk.a.close(desk.open_real(), market_conditions=QUOTED)

    desk.open_shadow(entry_time="2014-06-05T18:00:00.000001Z")

    shadow = ShadowTrade.objects.get()
    assert (shadow.status, "AFTER_REAL_EXIT" in shadow.flags) == ("OPEN", True)
    assert ExitDirective.objects.get().state == "NO_SHADOW"
    assert not ShadowOutcome.objects.exists()


@pytest.mark.parametrize("quoted_before", [True, False])
def test_a_shadow_enters_as_late_as_the_neutral_quote_that_prices_it(desk: Desk, quoted_before: bool) -> None:
    real_id = desk.open_real()
    if not quoted_before:
        api_client("feeder")
        desk.open_shadow(entry_time="2014-06-05T17:59:59Z")
    desk.a.close(real_id, market_conditions=QUOTED)

    neutral_quote(C72_5_JULY, "0.94", "0.98", "2014-06-05T18:00:01Z")
    if quoted_before:
        desk.open_shadow(entry_time="2014-06-05T17:59:59Z")
    settle_due()

    shadow = ShadowTrade.objects.get()
    assert (shadow.status, "AFTER_REAL_EXIT" in shadow.flags) == ("OPEN", True)
    assert ExitDirective.objects.get().state == "NO_SHADOW"


def test_a_shadow_that_opens_when_nobody_waits_for_it_any_more_comes_after_the_exit(desk: Desk) -> None:
    desk.a.close(desk.open_real(), market_conditions=QUOTED)
    directive = ExitDirective.objects.get()
    ExitDirective.objects.update(expires_at=directive.issued_at)
    settle_due()

    desk.open_shadow()

    assert "AFTER_REAL_EXIT" in ShadowTrade.objects.get().flags


def test_a_real_exit_dated_before_the_shadows_entry_is_booked_and_leaves_the_shadow_behind(desk: Desk) -> None:
    real_id, _ = desk.open_real(), desk.open_shadow(entry_time="2014-06-05T18:30:00Z")

    answer = desk.a.close(real_id, market_conditions=QUOTED)

    shadow = ShadowTrade.objects.get()
    assert (answer.status, shadow.status, "AFTER_REAL_EXIT" in shadow.flags) == (200, "OPEN", True)
    assert ExitDirective.objects.get().state == "NO_SHADOW"


def test_while_its_entry_is_not_priced_a_directive_waits(desk: Desk) -> None:
    api_client("feeder")
    real_id, _ = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id, market_conditions=QUOTED)
    let_time_pass(seconds=10)
    assert (settle_due(), desk.b.pending()) == (0, [])
    answer = desk.b.report(ExitDirective.objects.get().name, quotes=QUOTED["quotes"])
    assert (answer.status, answer.code) == (409, "shadow_not_opened")

    neutral_quote(C72_5_JULY, "0.94", "0.97", "2014-06-05T14:00:05Z")

    assert settle_due() == 2
    assert ShadowOutcome.objects.get().pnl == Decimal(34)


def test_a_real_exit_after_the_shadow_engine_declined_has_nothing_to_close() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment)
    desk.b.recommend(desk.experiment, action="DECLINE")

    desk.a.close(desk.open_real())

    assert ExitDirective.objects.get().state == "NO_SHADOW"


def test_a_shadow_engine_that_declines_after_the_real_exit_ends_its_directive() -> None:
    desk = make_desk(recommended=False)
    desk.a.recommend(desk.experiment)
    desk.a.close(desk.open_real())
    assert ExitDirective.objects.get().state == "PENDING"

    desk.b.recommend(desk.experiment, action="DECLINE")

    assert ExitDirective.objects.get().state == "NO_SHADOW"


def test_a_live_shadow_priced_by_a_neutral_quote_from_after_the_exit_has_no_synchronised_outcome() -> None:
    feeder = api_client("feeder")
    desk = live_desk()
    real_id, _ = desk.open_real(entry_time=now(-1)), desk.open_shadow(entry_time=now(-1))
    left, later = now(), now(0.001)
    pushed = [{"instrument": C72_5_JULY, **quote("0.94", "0.98", later)}]
    assert feeder.post("/api/v1/quotes", {"quotes": pushed}, format="json").status_code == 201
    settle_due()

    desk.a.close(real_id, exit_time=left, market_conditions={"quotes": {C72_5_JULY: quote(quote_time=left)}})

    shadow = ShadowTrade.objects.get()
    assert (shadow.entry_provenance, shadow.status) == ("NEUTRAL_QUOTE", "OPEN")
    assert "AFTER_REAL_EXIT" in shadow.flags
    assert ExitDirective.objects.get().state == "NO_SHADOW"
