"""Fills, exits and the worker's tick at once: every quantity is closed once, and no report is lost."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError
from structlog.testing import capture_logs

from outcomes.models import (
    ExitDirective,
    OwnExit,
    RealOutcome,
    RealTrade,
    ShadowOutcome,
    ShadowTrade,
    TradeFill,
)
from outcomes.services import due, fills, pricing, settle_due
from tests.factories import api_client
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    Answer,
    Desk,
    leg,
    let_time_pass,
    make_desk,
    neutral_quote,
    plan,
    quote,
)
from tests.outcomes.services.locks import take_locks_away
from tests.threads import Meeting, run_across, succeeded, together

pytestmark = pytest.mark.django_db(transaction=True)

QUOTED = {"quotes": {C72_5_JULY: quote()}}


@pytest.fixture
def desk() -> Desk:
    """Both engines hold three contracts."""
    desk = make_desk(plan_a=plan(quantity="3"), plan_b=plan(leg(C72_5_JULY), quantity="3"))
    desk.open_real(quantity="3")
    desk.open_shadow(quantity="3")
    return desk


def part(desk: Desk, ref: str) -> Callable[[], Answer]:
    """One contract of the real trade is sold."""
    closing = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}]
    body = {"fill_ref": ref, "time": "2014-06-05T18:00:00Z", "legs": closing, "market_conditions": QUOTED}
    return partial(desk.a.post, f"trades/{RealTrade.objects.get().pk}/fills", body)


def whole(desk: Desk) -> Callable[[], Answer]:
    """All that is left of the real trade is sold."""
    return partial(desk.a.close, RealTrade.objects.get().pk, market_conditions=QUOTED)


def cross(monkeypatch: pytest.MonkeyPatch, *reports: Callable[[], Answer]) -> list[int]:
    """Let both reports read the fills before either has committed its own."""
    meeting = Meeting()
    monkeypatch.setattr(fills, "core_fill", meeting.after(fills.core_fill))
    return [answer.status for answer in run_across(meeting, *reports)]


def sold() -> Decimal:
    rows = TradeFill.objects.filter(real_trade__isnull=False, number__gt=1)
    return sum((Decimal(each["quantity"]) for row in rows for each in row.legs), Decimal(0))


def test_two_partial_exits_at_once_close_one_contract_each_on_both_sides(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cross(monkeypatch, part(desk, "f1"), part(desk, "f2")) == [201, 201]

    shares = [(each.closed_quantity, each.open_quantity) for each in ExitDirective.objects.order_by("number")]
    assert (sold(), shares) == (Decimal(2), [(Decimal(1), Decimal(3)), (Decimal(1), Decimal(2))])
    assert [row.legs[0]["quantity"] for row in TradeFill.objects.filter(engine="B", number__gt=1)] == ["1", "1"]


@pytest.mark.parametrize("fill_first", [True, False])
def test_a_fill_and_the_exit_at_once_close_everything_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fill_first: bool
) -> None:
    reports = [part(desk, "f1"), whole(desk)]

    statuses = cross(monkeypatch, *(reports if fill_first else reversed(reports)))

    # After the exit nothing is left for the fill, which is kept as an incident.
    assert statuses == ([201, 200] if fill_first else [200, 409])
    assert (sold(), RealTrade.objects.get().status, ShadowTrade.objects.get().status) == (
        Decimal(3),
        "CLOSED",
        "CLOSED",
    )
    assert RealOutcome.objects.get().pnl == (Decimal(131) if fill_first else Decimal(180))


def test_without_the_lock_the_database_would_refuse_one_of_two_partial_exits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError, match="trade_fills_real_number"):
        cross(monkeypatch, part(desk, "f1"), part(desk, "f2"))


def test_without_the_lock_the_database_would_refuse_an_exit_beside_a_fill(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_locks_away(monkeypatch)

    with pytest.raises(IntegrityError, match="trade_fills_real_number"):
        cross(monkeypatch, whole(desk), part(desk, "f1"))
    assert RealTrade.objects.get().status == "OPEN"


def test_one_fill_sent_four_times_at_once_is_booked_once(desk: Desk) -> None:
    answers = succeeded(together(*[part(desk, "f1")] * 4))

    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert sold() == 1


def test_one_exit_sent_four_times_at_once_closes_once(desk: Desk) -> None:
    answers = succeeded(together(*[whole(desk)] * 4))

    assert {answer.status for answer in answers} == {200}
    assert all(answer.body == answers[0].body for answer in answers)
    assert (ExitDirective.objects.count(), ShadowOutcome.objects.count()) == (1, 1)


def test_a_shadows_own_exit_and_the_real_exit_at_once_are_both_kept(desk: Desk) -> None:
    own = partial(desk.b.close, ShadowTrade.objects.get().pk, exit_price="1.31", market_conditions=QUOTED)

    answers = succeeded(together(whole(desk), own))

    assert [answer.status for answer in answers] == [200, 202]
    assert (ShadowTrade.objects.get().exit_reason, OwnExit.objects.get().pnl) == ("SYNCHRONISED", Decimal(99))


def test_a_report_and_the_expiry_at_once_settle_a_directive_once(desk: Desk) -> None:
    desk.a.close(RealTrade.objects.get().pk)
    directive_id = desk.b.pending()[0]["id"]
    let_time_pass(seconds=3601)

    def report() -> object:
        return desk.b.report(directive_id, **QUOTED)

    succeeded(together(report, settle_due, report, settle_due))

    assert (ShadowOutcome.objects.get().pnl, ExitDirective.objects.get().state) == (None, "UNPRICED")


def everything_is_due() -> None:
    """An entry, a directive, an own exit and a check of prices that all wait for the worker."""
    api_client("feeder")
    opening, leaving = make_desk(), make_desk()
    opening.open_shadow()
    real_id, shadow_id = leaving.open_real(), leaving.open_shadow()
    neutral_quote(C72_5_JULY, "0.94", "0.98", "2014-06-05T14:00:00Z")
    assert settle_due() == 2
    leaving.a.close(real_id, market_conditions=QUOTED)
    leaving.b.close(shadow_id, exit_price="1.31", market_conditions=QUOTED)
    make_desk().open_shadow(entry_time="2014-06-05T15:00:00Z")
    let_time_pass(seconds=70)


def failures(logs: Any) -> list[str]:
    return [entry["what"] for entry in logs if entry["event"] == "settling.failed"]


def test_the_ticks_of_three_workers_at_once_settle_each_thing_once() -> None:
    everything_is_due()

    with capture_logs() as logs:
        moved = succeeded(together(settle_due, settle_due, settle_due))

    assert (sum(moved), failures(logs)) == (4, [])
    assert (OwnExit.objects.get().state, ExitDirective.objects.get().state) == ("DONE", "DONE")
    assert settle_due() == 0


def cross_ticks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let two workers look at an entry before either has booked it; return what failed."""
    everything_is_due()
    meeting = Meeting()
    monkeypatch.setattr(due, "neutral_entry_legs", meeting.after(pricing.neutral_entry_legs))
    with capture_logs() as logs:
        run_across(meeting, settle_due, settle_due)
    return failures(logs)


def test_a_tick_waits_for_the_other_that_is_at_the_same_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cross_ticks(monkeypatch) == []


def test_without_the_lock_both_would_book_it(monkeypatch: pytest.MonkeyPatch) -> None:
    take_locks_away(monkeypatch)

    assert cross_ticks(monkeypatch) == ["entry"]
