"""Real money settles however it says, and what is impossible about it is named."""

from __future__ import annotations

from decimal import Decimal
from time import sleep
from typing import Any

import pytest

from tests.outcomes.desk import (
    C70,
    Answer,
    Desk,
    live_desk,
    make_desk,
    now,
    violations,
)

pytestmark = pytest.mark.django_db

JUNE = "2014-06-21T20:00:00.000000Z"


def settlement(kind: str, price: str, at: str = JUNE, underlying: str | None = None) -> dict[str, str]:
    return {"kind": kind, "price": price, "settled_at": at} | ({"underlying": underlying} if underlying else {})


def close_real(desk: Desk, real_id: str, settled: dict[str, Any], **changes: Any) -> Answer:
    return desk.a.close(real_id, market_conditions={"settlements": settled}, **changes)


@pytest.mark.parametrize(
    ("settled", "exit_price", "broken"),
    [
        (settlement("EXERCISED", "1.50", JUNE, "71.50"), "1.50", False),
        (settlement("CASH_SETTLED", "1.50", JUNE, "71.50"), "1.50", False),
        (settlement("EXPIRED", "0", JUNE), "0", False),
        (settlement("ASSIGNED", "0", JUNE, "71.50"), "0", True),
        (settlement("EXERCISED", "0", JUNE, "71.50"), "0", True),
        (settlement("EXPIRED", "0", "2014-06-20T20:00:00Z"), "0", True),
        (settlement("EXERCISED", "1.50", JUNE, "71.50"), "1.60", True),
        (settlement("EXPIRED", "0", "2014-06-22T20:00:00Z"), "0", True),
        (settlement("BURNED", "0"), "0", True),
        (settlement("EXPIRED", "-1"), "-1", True),
    ],
)
def test_a_real_settlement_is_booked_and_an_impossible_one_is_named(
    settled: dict[str, str], exit_price: str, broken: bool
) -> None:
    desk = make_desk()

    legs = [{"instrument": C70, "exit_price": exit_price}]

    answer = close_real(desk, desk.open_real(), {C70: settled}, exit_time=JUNE, exit_price=exit_price, legs=legs)

    assert (answer.status, answer.body["status"], answer.body["exit_price"]) == (
        200,
        "CLOSED",
        f"{Decimal(exit_price):.2f}",
    )
    assert violations() == ({("A", "SETTLEMENT_IMPOSSIBLE")} if broken else set())


def test_a_settlement_is_no_late_report_however_long_it_took_to_be_told() -> None:
    desk = live_desk(policy={"report_delay_seconds": 1})
    real_id, moment = desk.open_real(entry_time=now()), now()
    sleep(1.1)

    close_real(desk, real_id, {C70: settlement("EXPIRED", "0", moment)}, exit_time=moment, exit_price="0")

    assert violations() == set()


def test_a_settlement_that_lies_ahead_is_flagged() -> None:
    desk = live_desk()
    real_id, ahead = desk.open_real(entry_time=now()), now(60)

    answer = close_real(desk, real_id, {C70: settlement("EXPIRED", "0", ahead)}, exit_time=ahead, exit_price="0")

    assert "CLOCK" in answer.body["flags"]
