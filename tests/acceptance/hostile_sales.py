"""What the engine that trades for real may try when it closes; nothing of it is refused that can be booked."""

from __future__ import annotations

from typing import Any

from tests.acceptance.hostile import Hostile, wait
from tests.acceptance.hostile_ways import (
    LASTING,
    LOST,
    NONE,
    PATIENT,
    REAL,
    REPLAYED,
    TRUE,
    after,
    ago,
    at_the_peak,
    call,
    says,
    settles,
    way,
)
from tests.acceptance.twin_steps import leave, leave_for_real, part, roll
from tests.acceptance.twins import C100, LATER

SHORT = {"permit_ttl_seconds": 1, "report_delay_seconds": 1}


def amended(_: Hostile) -> dict[str, Any]:
    """A correction that only an operator could accept."""
    sold = {"instrument": C100, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "5.00"}
    return {
        "kind": "CORRECT",
        "of": "exit",
        "values": {"legs": [sold]},
        "reason": "The broker says so.",
        "evidence": "-",
    }


WAYS = [
    way("keeps its loser to itself", REAL, NONE, silent_at="open"),
    way("never says that its loser is over", REAL, LOST, silent_at="exit"),
    way(
        "sells above every ask",
        REAL,
        LOST,
        says("exit", legs=[{"instrument": C100, "exit_price": "99.00"}]),
        violation="PRICE_NOT_IN_QUOTES",
    ),
    way(
        "sells at the price of the peak",
        REAL,
        LOST,
        says("exit", legs=[{"instrument": C100, "exit_price": "5.00"}]),
        violation="PRICE_NOT_IN_QUOTES",
        **PATIENT,
    ),
    way(
        "sells at the peak, told when it is over",
        REAL,
        LOST,
        says("exit", exit_time=at_the_peak, legs=[{"instrument": C100, "exit_price": "5.00"}]),
        violation="LATE_REPORT",
        **PATIENT,
    ),
    way("sells before it bought", REAL, LOST, says("exit", exit_time=ago(seconds=20)), violation="TIME_IMPOSSIBLE"),
    way(
        "sells before it bought",
        REAL,
        LOST,
        says("exit", exit_time=ago(hours=2)),
        violation="TIME_IMPOSSIBLE",
        **REPLAYED,
    ),
    way(
        "sells beyond what the source has told",
        REAL,
        LOST,
        says("exit", exit_time=ago(days=-3)),
        flag="CLOCK",
        **REPLAYED,
    ),
    way("sells where nobody has quoted yet", REAL, LOST, says("exit", exit_time=ago(hours=-1)), flag="CLOCK"),
    way(
        "sells once more at a better price",
        REAL,
        TRUE,
        steps=(
            wait,
            leave,
            call(
                "trades/{trade}/exit",
                lambda e: e.position.sent["exit"] | {"legs": [{"instrument": C100, "exit_price": "5.00"}]},
            ),
        ),
        refused="conflict",
    ),
    way(
        "books its sale twice",
        REAL,
        TRUE,
        steps=(
            wait,
            leave,
            call(
                "trades/{trade}/fills",
                lambda e: {
                    "fill_ref": "again",
                    "time": e.ago(seconds=0),
                    "legs": [e.execution(C100, "CLOSE", "LONG", e.quantity)],
                },
            ),
        ),
        refused="already_closed",
    ),
    way(
        "sells more than it has",
        REAL,
        TRUE,
        steps=(
            wait,
            call(
                "trades/{trade}/fills",
                lambda e: {
                    "fill_ref": "more",
                    "time": e.ago(seconds=0),
                    "legs": [e.execution(C100, "CLOSE", "LONG", e.quantity * 2)],
                },
            ),
            leave,
        ),
        refused="closes_more_than_open",
    ),
    way(
        "buys more while it rises",
        REAL,
        "-1.0043",
        steps=(
            call(
                "trades/{trade}/fills",
                lambda e: {
                    "fill_ref": "more",
                    "time": e.ago(seconds=0),
                    "legs": [e.execution(C100, "OPEN", "LONG", e.quantity)],
                },
            ),
            leave,
        ),
        violation="PLAN_DIFFERS",
    ),
    way("rolls its loser into a later contract", REAL, TRUE, steps=(wait, roll, leave_for_real)),
    way(
        "closes a sliver and reopens",
        REAL,
        LOST,
        steps=(
            wait,
            part(1, 100),
            call(
                "trades/{trade}/fills",
                lambda e: {
                    "fill_ref": "back",
                    "time": e.ago(seconds=0),
                    "legs": [e.execution(C100, "OPEN", "LONG", e.quantity / 100)],
                },
            ),
            leave,
        ),
    ),
    way(
        "quotes its rival's contract at nothing",
        REAL,
        TRUE,
        says(
            "exit",
            market_conditions=lambda e: {"quotes": {C100: {"bid": "0", "ask": "0.01", "quote_time": e.ago(seconds=0)}}},
        ),
    ),
    way(
        "ends its rival's contract at nothing",
        REAL,
        LOST,
        says(
            "exit",
            market_conditions=lambda e: {
                "settlements": {C100: {"kind": "EXPIRED", "price": "0", "settled_at": e.ago(seconds=0)}}
            },
        ),
        violation="SETTLEMENT_IMPOSSIBLE",
    ),
    way(
        "settles at another price than the intrinsic one",
        REAL,
        LOST,
        settles("9.00", "CASH_SETTLED", "105.01"),
        violation="SETTLEMENT_IMPOSSIBLE",
    ),
    way(
        "settles what has not ended",
        REAL,
        "-1.0031",
        settles("5.01", "CASH_SETTLED", "105.01", name=LATER),
        violation="SETTLEMENT_IMPOSSIBLE",
        **LASTING,
    ),
    way(
        "exercises as of the peak, told when it is over",
        REAL,
        "-1.0031",
        settles("5.01", "EXERCISED", "105.01", name=LATER),
        **LASTING,
        **PATIENT,
    ),
    way(
        "settles as of the peak, told when it is over",
        REAL,
        LOST,
        settles("5.01", "CASH_SETTLED", "105.01"),
        provenance="OWN_FEED_QUOTE",
        **PATIENT,
    ),
    way(
        "is told its role, waits, and tells later",
        REAL,
        LOST,
        after(2.2),
        violation="LATE_ENTRY LATE_REPORT",
        policy=SHORT,
    ),
    way(
        "amends its loss away",
        REAL,
        TRUE,
        steps=(wait, leave, call("trades/{trade}/amendments", amended)),
    ),
]
