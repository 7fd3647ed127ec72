"""Nothing is told later than a report takes, nothing happened before it was recommended, and nothing lies ahead."""

from __future__ import annotations

from time import sleep

import pytest

from outcomes.core.books import result_in_force
from outcomes.models import RealTrade, ShadowTrade
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    Answer,
    Desk,
    leg,
    let_time_pass,
    live_desk,
    make_desk,
    now,
    quote,
    violations,
)

pytestmark = pytest.mark.django_db

PUT_DOWN = [leg(C72_5_JULY, entry_price="0.98")]


@pytest.fixture
def desk() -> Desk:
    """Both engines, a minute after they recommended."""
    policy = {"report_delay_seconds": 30, "entry_window_seconds": 120, "permit_ttl_seconds": 120}
    return live_desk(ago=60, policy=policy)


def shadow_at(desk: Desk, entry_time: str) -> Answer:
    return desk.b.open(desk.experiment, "SHADOW", legs=PUT_DOWN, entry_time=entry_time)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(-62, "entry_before_recommendation"), (-32, "reported_too_late"), (7, "time_in_future")],
)
def test_a_shadow_that_was_not_opened_just_now_is_refused(desk: Desk, seconds: int, code: str) -> None:
    answer = shadow_at(desk, now(seconds))

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, code, "/entry_time")
    assert not ShadowTrade.objects.exists()


@pytest.mark.parametrize("seconds", [-28, 3])
def test_a_report_may_take_as_long_as_the_policy_says_and_a_clock_be_a_little_ahead(desk: Desk, seconds: int) -> None:
    assert shadow_at(desk, now(seconds)).status == 201


def test_a_shadow_opens_within_the_window_after_its_recommendation(desk: Desk) -> None:
    let_time_pass(seconds=61)

    answer = shadow_at(desk, now())

    assert (answer.status, answer.code) == (409, "shadow_too_late")
    assert not ShadowTrade.objects.exists()


@pytest.mark.parametrize(
    ("seconds", "broken", "flags"),
    [
        (0, set(), []),
        (-28, set(), []),
        (3, set(), []),
        (-32, {("A", "LATE_REPORT")}, []),
        (-62, {("A", "ENTRY_BEFORE_RECOMMENDATION"), ("A", "LATE_REPORT")}, []),
        (7, set(), ["CLOCK"]),
    ],
)
def test_a_real_entry_is_kept_whenever_it_was_and_what_is_wrong_with_it_is_named(
    desk: Desk, seconds: int, broken: set[tuple[str, str]], flags: list[str]
) -> None:
    desk.open_real(entry_time=now(seconds))

    assert violations() == broken
    assert RealTrade.objects.get().flags == flags


@pytest.mark.parametrize(("seconds", "flags"), [(0, []), (3, []), (7, ["CLOCK"])])
@pytest.mark.parametrize("call", ["fills", "exit"])
def test_a_real_fill_or_exit_is_booked_however_far_ahead_it_is_dated(
    desk: Desk, call: str, seconds: int, flags: list[str]
) -> None:
    answer = leave(desk, desk.open_real(entry_time=now(-29)), call, now(seconds))

    assert (answer.body["status"], answer.body["flags"]) == ("CLOSED", flags)
    assert violations() == set()


@pytest.mark.parametrize("call", ["fills", "exit"])
def test_what_is_told_of_a_trade_later_than_a_report_takes_is_late(call: str) -> None:
    desk = live_desk(policy={"report_delay_seconds": 1})
    real_id, shadow_id, moment = desk.open_real(entry_time=now()), shadow_at(desk, now()).body["trade_id"], now()
    sleep(1.1)

    real = leave(desk, real_id, call, moment)
    shadow = desk.b.close(shadow_id, exit_time=moment, exit_price="1.31")

    assert (real.body["status"], violations()) == ("CLOSED", {("A", "LATE_REPORT")})
    assert (shadow.status, shadow.code, shadow.body["errors"][0]["pointer"]) == (
        400, "reported_too_late", "/exit_time",
    )  # fmt: skip


def leave(desk: Desk, trade_id: str, call: str, moment: str) -> Answer:
    if call == "exit":
        return desk.a.close(trade_id, exit_time=moment)
    closing = [{"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.99"}]
    return desk.a.post(f"trades/{trade_id}/fills", {"fill_ref": "f1", "time": moment, "legs": closing})


def test_a_real_exit_dated_before_its_entry_is_booked_and_flagged(desk: Desk) -> None:
    trade_id = desk.open_real(entry_time=now(-1))

    answer = desk.a.close(trade_id, exit_time=now(-3))

    assert (answer.status, answer.body["flags"]) == (200, ["CLOCK"])


@pytest.mark.parametrize(
    ("seconds", "code"), [(-29.5, "exit_before_entry"), (-40, "exit_before_entry"), (7, "time_in_future")]
)
def test_an_own_exit_that_cannot_have_happened_is_refused(desk: Desk, seconds: float, code: str) -> None:
    shadow_at(desk, now(-28))
    trade_id = str(ShadowTrade.objects.get().pk)

    answer = desk.b.close(trade_id, exit_time=now(seconds), exit_price="1.31")

    assert (answer.status, answer.code, answer.body["errors"][0]["pointer"]) == (400, code, "/exit_time")


def test_a_shadow_that_opens_in_time_but_after_the_real_exit_arrived_has_no_synchronised_outcome(desk: Desk) -> None:
    real_id = desk.open_real(entry_time=now(-2))
    entered = now(-1)
    desk.a.close(real_id, exit_time=now(), market_conditions={"quotes": {C72_5_JULY: quote(quote_time=now())}})

    answer = shadow_at(desk, entered)

    assert (answer.status, answer.body["status"], answer.body["flags"]) == (
        201, "OPEN", ["AFTER_REAL_EXIT", "RISK_DIFFERS"],
    )  # fmt: skip
    assert result_in_force(ShadowTrade.objects.get().outcomes.all()) is None


# Replayed sources: their own clock is the latest alert time, and a bar may follow it.


@pytest.mark.parametrize(
    ("entry_time", "code"),
    [
        ("2014-06-05T13:29:59.999999Z", "entry_before_recommendation"),
        ("2014-06-07T00:00:00Z", "time_in_future"),
    ],
)
def test_a_replayed_shadow_is_held_against_the_clock_of_its_source(entry_time: str, code: str) -> None:
    answer = shadow_at(make_desk(), entry_time)

    assert (answer.status, answer.code) == (400, code)


def test_a_replayed_real_trade_is_held_against_the_clock_of_its_source() -> None:
    early, ahead = make_desk(), make_desk()

    early.open_real(entry_time="2014-06-05T13:29:59.999999Z")
    trade_id = ahead.open_real(entry_time="2014-06-07T00:00:00Z")

    assert violations() == {("A", "ENTRY_BEFORE_RECOMMENDATION")}
    assert RealTrade.objects.get(pk=trade_id).flags == ["CLOCK"]


def test_what_a_replayed_source_has_come_to_is_told_however_long_it_took() -> None:
    desk = make_desk(policy={"report_delay_seconds": 1, "entry_window_seconds": 300})
    desk.open_real()
    let_time_pass(seconds=100)

    assert shadow_at(desk, "2014-06-05T17:59:59Z").status == 201
    assert violations() == set()


def test_windows_run_on_our_clock_for_a_replayed_source_too() -> None:
    desk = make_desk(policy={"entry_window_seconds": 300})
    let_time_pass(seconds=301)

    assert shadow_at(desk, "2014-06-05T14:00:00Z").code == "shadow_too_late"


@pytest.mark.parametrize(("at", "broken"), [("2014-06-05T13:59:56Z", False), ("2014-06-05T13:59:54Z", True)])
def test_a_sale_dated_before_the_purchase_is_a_wrong_clock_or_hindsight(at: str, broken: bool) -> None:
    desk = make_desk()

    desk.a.close(desk.open_real(), exit_time=at)

    assert RealTrade.objects.get().flags == ["CLOCK"]
    assert violations() == ({("A", "TIME_IMPOSSIBLE")} if broken else set())
