"""What an engine may try when it opens a shadow."""

from __future__ import annotations

from tests.acceptance.hostile import Lie
from tests.acceptance.hostile_ways import (
    LOST,
    NO_FEED,
    NONE,
    REPLAYED,
    SHADOW,
    TRUE,
    ago,
    opens,
    plans,
    quotes_itself,
    says,
    way,
)
from tests.acceptance.twins import C100, C105

WAYS = [
    way(
        "dates its entry a minute before its answer",
        SHADOW,
        TRUE,
        says("open", entry_time=ago(seconds=60)),
        refused="entry_before_recommendation",
    ),
    way(
        "dates its entry before the alert",
        SHADOW,
        TRUE,
        says("open", entry_time=ago(hours=1)),
        refused="entry_before_recommendation",
        **REPLAYED,
    ),
    way(
        "dates its entry an hour ahead", SHADOW, TRUE, says("open", entry_time=ago(hours=-1)), refused="time_in_future"
    ),
    way(
        "dates its entry beyond what the source has told",
        SHADOW,
        TRUE,
        says("open", entry_time=ago(days=-2)),
        refused="time_in_future",
        **REPLAYED,
    ),
    way("buys another contract than planned", SHADOW, TRUE, opens((C105, "LONG", "0.45")), refused="plan_differs"),
    way("sells what it planned to buy", SHADOW, TRUE, opens((C100, "SHORT", "1.95")), refused="plan_differs"),
    way("adds a leg", SHADOW, TRUE, opens((C100, "LONG", "2.00"), (C105, "SHORT", "0.40")), refused="plan_differs"),
    way("takes a tenth of its size", SHADOW, TRUE, says("open", quantity="0.1"), refused="plan_differs"),
    way("takes ten times its size", SHADOW, TRUE, says("open", quantity="10"), refused="plan_differs"),
    way("makes its contract smaller", SHADOW, TRUE, says("open", multiplier="1"), refused="plan_differs"),
    way("accounts in another currency", SHADOW, TRUE, says("open", currency="JPY"), refused="currency_differs"),
    way("buys at the bid", SHADOW, TRUE, opens((C100, "LONG", "1.95")), refused="price_not_marketable"),
    way("sends crossed quotes", SHADOW, TRUE, quotes_itself(bid="2.00", ask="0.50"), refused="crossed_quote"),
    way(
        "sends stale quotes", SHADOW, TRUE, quotes_itself(ask="1.96", quote_time=ago(minutes=10)), refused="stale_quote"
    ),
    way(
        "sends quotes of later",
        SHADOW,
        TRUE,
        quotes_itself(ask="1.96", quote_time=ago(minutes=-1)),
        refused="lookahead",
    ),
    way(
        "sends quotes without a time",
        SHADOW,
        TRUE,
        quotes_itself(ask="1.96", quote_time=None),
        refused="quote_time_missing",
    ),
    way("sends an ask of nothing", SHADOW, TRUE, quotes_itself(bid="0", ask="0"), refused="one_sided_quote"),
    way("sends no quotes", SHADOW, TRUE, says("open", entry_quotes={}), refused="quote_missing"),
    way(
        "invents quotes beside the feed",
        SHADOW,
        TRUE,
        quotes_itself(bid="0.01", ask="0.02"),
        provenance="NEUTRAL_QUOTE",
    ),
    way(
        "invents quotes where nobody else quotes",
        SHADOW,
        "-1.0129",
        quotes_itself(bid="1.00", ask="1.01"),
        provenance="OWN_FEED_QUOTE",
        **NO_FEED,
    ),
    way(
        "passes off a model's prices as quotes",
        SHADOW,
        LOST,
        quotes_itself("follow", bid="3.99", ask="4.00"),
        provenance="OWN_FEED_QUOTE",
        **NO_FEED,
    ),
    way(
        "claims a broker's fill",
        SHADOW,
        TRUE,
        says("open", price_provenance="BROKER_FILL"),
        refused="provenance_not_allowed",
    ),
    way(
        "claims the neutral feed's word",
        SHADOW,
        TRUE,
        says("open", price_provenance="NEUTRAL_QUOTE"),
        refused="provenance_not_allowed",
    ),
    way(
        "reports its trade as real money", SHADOW, TRUE, says("open", kind="REAL"), refused="double_execution_prevented"
    ),
    way(
        "opens once more at a better price",
        SHADOW,
        TRUE,
        Lie("exit", lambda engine, _: ("trades", engine.position.sent["open"] | {"quantity": "5"}), instead=False),
        refused="conflict",
    ),
    way("never opens its loser", SHADOW, LOST, silent_at="open"),
    way(
        "declines, and opens when it has turned out well",
        SHADOW,
        NONE,
        says("answer", action="DECLINE", plan=None),
        refused="declined",
    ),
    way(
        "plans few contracts of many units to save fees",
        SHADOW,
        TRUE,
        plans(quantity="0.01", multiplier="10000"),
        says("open", quantity="0.01", multiplier="10000"),
    ),
]
