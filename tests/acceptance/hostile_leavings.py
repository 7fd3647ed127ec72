"""What an engine may try when it leaves a shadow, with the real trade or by itself."""

from __future__ import annotations

from outcomes.core.evaluation import OWN_EXIT
from tests.acceptance.hostile import wait
from tests.acceptance.hostile_ways import (
    LASTING,
    LOST,
    NO_FEED,
    NOBODY,
    PATIENT,
    SHADOW,
    TRUE,
    ago,
    answer_before_the_feed,
    at_the_peak,
    call,
    leave_between_quotes,
    quotes_itself,
    says,
    settles,
    way,
)
from tests.acceptance.twin_steps import leave
from tests.acceptance.twins import C100, LATER

SHORT_STOCK, LONG_STOCK = {"legs": (("XYZ", "SHORT"),)}, {"legs": (("XYZ", "LONG"),)}

WAYS = [
    way(
        "leaves at the peak, told when it is over",
        NOBODY,
        TRUE,
        says("exit", exit_time=at_the_peak),
        refused="reported_too_late",
        **PATIENT,
    ),
    way("leaves before it came", NOBODY, TRUE, says("exit", exit_time=ago(hours=1)), refused="exit_before_entry"),
    way("leaves an hour ahead", NOBODY, TRUE, says("exit", exit_time=ago(hours=-1)), refused="time_in_future"),
    way(
        "leaves above its bid",
        NOBODY,
        TRUE,
        says("exit", legs=[{"instrument": C100, "exit_price": "0.95"}]),
        refused="price_not_marketable",
    ),
    way(
        "leaves at a quote of the peak",
        NOBODY,
        TRUE,
        quotes_itself("exit", bid="5.00", ask="5.10", quote_time=at_the_peak),
        refused="stale_quote",
        **PATIENT,
    ),
    way(
        "leaves at a quote of later",
        NOBODY,
        TRUE,
        quotes_itself("exit", bid="5.00", ask="5.10", quote_time=ago(hours=-1)),
        refused="lookahead",
    ),
    way(
        "leaves at a crossed quote",
        NOBODY,
        TRUE,
        quotes_itself("exit", bid="5.00", ask="0.10"),
        refused="crossed_quote",
    ),
    way(
        "leaves at invented quotes beside the feed",
        NOBODY,
        TRUE,
        quotes_itself("exit", bid="5.00", ask="5.10"),
        provenance="NEUTRAL_QUOTE",
    ),
    way(
        "leaves at invented quotes where nobody else quotes",
        NOBODY,
        LOST,
        quotes_itself("exit", bid="5.00", ask="5.10"),
        provenance="OWN_FEED_QUOTE",
        **NO_FEED,
    ),
    way(
        "leaves for the referee's own reason",
        NOBODY,
        TRUE,
        says("exit", exit_reason="SYNCHRONISED"),
        refused="unknown_exit_reason",
    ),
    way(
        "leaves once more, at the peak",
        NOBODY,
        TRUE,
        steps=(
            wait,
            leave,
            call("trades/{trade}/exit", lambda e: e.position.sent["exit"] | {"exit_time": at_the_peak(e)}),
        ),
        refused="conflict",
    ),
    way(
        "leaves by a fill of its own",
        SHADOW,
        TRUE,
        steps=(
            wait,
            call(
                "trades/{trade}/fills",
                lambda e: {
                    "fill_ref": "mine",
                    "time": e.ago(seconds=0),
                    "legs": [e.execution(C100, "CLOSE", "LONG", e.quantity)],
                },
            ),
            leave,
        ),
        refused="shadow_follows_real",
    ),
    way("tells nobody how it left", NOBODY, LOST, silent_at="exit"),
    way("answers no directive on its loser", SHADOW, LOST, silent_at="follow", **NO_FEED),
    way(
        "answers a directive with a quote of later",
        SHADOW,
        LOST,
        quotes_itself("follow", bid="5.00", ask="5.10", quote_time=ago(hours=-1)),
        refused="lookahead",
        **NO_FEED,
    ),
    way(
        "answers a directive as of the peak",
        SHADOW,
        LOST,
        says("follow", exit_time=at_the_peak),
        refused="exit_time_differs",
        **NO_FEED,
    ),
    way(
        "answers a directive above its bid",
        SHADOW,
        LOST,
        says("follow", exit_price="5.00"),
        refused="price_not_marketable",
        **NO_FEED,
    ),
    way(
        "prices a directive before the feed can",
        SHADOW,
        TRUE,
        steps=(
            wait,
            leave_between_quotes,
            answer_before_the_feed(
                lambda e: {
                    "quotes": {
                        C100: e.market.quote(C100) | {"bid": "5.00", "ask": "5.10", "quote_time": e.ago(seconds=1)}
                    }
                }
            ),
        ),
        refused="not_found",
    ),
    way(
        "exercises at the peak what has not ended",
        SHADOW,
        "-0.4079",
        steps=(
            wait,
            leave_between_quotes,
            answer_before_the_feed(
                lambda e: {
                    "settlements": {
                        LATER: {
                            "kind": "EXERCISED",
                            "price": "5.01",
                            "settled_at": at_the_peak(e),
                            "underlying": "105.01",
                        }
                    }
                }
            ),
        ),
        refused="not_found",
        **LASTING,
    ),
    way(
        "exercises at the peak what has not ended",
        NOBODY,
        "-0.4079",
        settles("5.01", "EXERCISED", "105.01", name=LATER),
        refused="settlement_impossible",
        estimand=OWN_EXIT,
        **LASTING,
    ),
    way(
        "answers a directive by exercising at the peak",
        SHADOW,
        "-1.0031",
        settles("5.01", "EXERCISED", "105.01", at="follow", name=LATER),
        refused="settlement_impossible",
        **NO_FEED,
        **LASTING,
    ),
    way(
        "lets a contract end that has not",
        NOBODY,
        "-0.4079",
        settles("5.01", "CASH_SETTLED", "105.01", name=LATER),
        refused="settlement_impossible",
        **LASTING,
    ),
    way(
        "settles at another price than the intrinsic one",
        NOBODY,
        TRUE,
        settles("9.00", "CASH_SETTLED", "105.01"),
        refused="settlement_impossible",
    ),
    way(
        "has its own call assigned",
        NOBODY,
        TRUE,
        settles("5.01", "ASSIGNED", "105.01"),
        refused="settlement_impossible",
    ),
    way(
        "settles as of the peak, told when it is over",
        NOBODY,
        LOST,
        settles("5.01", "CASH_SETTLED", "105.01"),
        provenance="OWN_FEED_QUOTE",
        **PATIENT,
    ),
    way(
        "settles at an underlying that nobody quoted",
        NOBODY,
        LOST,
        settles("9.00", "CASH_SETTLED", "109.00"),
        provenance="OWN_FEED_QUOTE",
    ),
    way(
        "lets a stock that it sold short end at nothing",
        NOBODY,
        "0.0196",
        settles("0", "CASH_SETTLED", None, name="XYZ", when="now"),
        provenance="NEUTRAL_QUOTE",
        **SHORT_STOCK,
    ),
    way(
        "lets a stock that it bought end at a million",
        NOBODY,
        "-0.0200",
        settles("1000000", "CASH_SETTLED", "99.01", name="XYZ", when="now"),
        provenance="NEUTRAL_QUOTE",
        **LONG_STOCK,
    ),
]
