"""What the engine that trades for real may try when it opens; it is booked if it can be, and named."""

from __future__ import annotations

from tests.acceptance.hostile import Lie
from tests.acceptance.hostile_ways import (
    LOST,
    NO_FEED,
    REAL,
    REPLAYED,
    TRUE,
    ago,
    opens,
    plans,
    says,
    way,
)
from tests.acceptance.twins import C100, C105, RULES_HASH

SHORT = {"permit_ttl_seconds": 1, "report_delay_seconds": 1}
# It goes to its broker without asking whether it still may.
UNASKED = Lie("confirm", lambda *_: ("heartbeat", {"engine_version": "1", "rules_hash": RULES_HASH}))
WAYS = [
    way("trades without asking for its permit", REAL, LOST, UNASKED, violation="NOT_PERMITTED"),
    way(
        "dates its entry a minute before its answer",
        REAL,
        LOST,
        says("open", entry_time=ago(seconds=60)),
        violation="ENTRY_BEFORE_RECOMMENDATION LATE_REPORT",
    ),
    way(
        "dates its entry before the alert",
        REAL,
        LOST,
        says("open", entry_time=ago(hours=1)),
        violation="ENTRY_BEFORE_RECOMMENDATION",
        **REPLAYED,
    ),
    way(
        "dates its entry where nobody has quoted yet",
        REAL,
        LOST,
        says("open", entry_time=ago(hours=-1)),
        violation="NOT_PERMITTED TIME_IMPOSSIBLE",
        flag="CLOCK",
    ),
    way("buys below every bid", REAL, "-2.3000", opens((C100, "LONG", "0.01")), violation="PRICE_NOT_IN_QUOTES"),
    way(
        "buys below every bid",
        REAL,
        "-2.3000",
        opens((C100, "LONG", "0.01")),
        violation="PRICE_NOT_IN_QUOTES",
        **REPLAYED,
    ),
    way(
        "buys below every bid where nobody else quotes",
        REAL,
        "-2.3000",
        opens((C100, "LONG", "0.01"), entry_quotes={}),
        **NO_FEED,
    ),
    way(
        "buys another contract than planned",
        REAL,
        "-1.0289",
        opens((C105, "LONG", "0.45")),
        Lie("exit", lambda _, body: body | {"legs": [{"instrument": C105, "exit_price": "0.10"}]}),
        violation="PLAN_DIFFERS",
    ),
    way("takes twice its size", REAL, "-1.0032", says("open", quantity="2"), violation="PLAN_DIFFERS"),
    way("takes half of its size on a loser", REAL, TRUE, says("open", quantity="0.5"), flag="PARTIAL_FILL"),
    way("makes its contract smaller", REAL, "-1.6500", says("open", multiplier="1"), violation="PLAN_DIFFERS"),
    way("accounts in another currency", REAL, LOST, says("open", currency="JPY"), violation="CURRENCY_DIFFERS"),
    way("is paid a thousand by its broker", REAL, TRUE, says("open", fees="-1000")),
    way("declares a margin of a million", REAL, TRUE, says("open", risk_amount="1000000"), flag="RISK_DIFFERS"),
    way("plans a margin of a million", REAL, TRUE, plans(risk_amount="1000000"), flag="RISK_DIFFERS"),
    way("fills by a model", REAL, LOST, says("open", price_provenance="MODEL")),
    way("claims the neutral feed's word", REAL, LOST, says("open", price_provenance="NEUTRAL_QUOTE")),
    way("claims that it was opened by a settlement", REAL, LOST, says("open", price_provenance="SETTLEMENT")),
    way(
        "answers by rules that it has not registered",
        REAL,
        LOST,
        says("answer", rules_hash="b" * 64),
        violation="RULES_HASH_DIFFERS",
    ),
    way("answers from another context", REAL, TRUE, says("answer", context_hash="b" * 64), refused="context_mismatch"),
    way(
        "answers again when it knows its role",
        REAL,
        TRUE,
        Lie(
            "open",
            lambda e, _: ("recommendations", e.position.sent["recommend"] | {"strategy_version": "2"}),
            instead=False,
        ),
        refused="conflict",
    ),
    way(
        "trades before it has answered",
        REAL,
        TRUE,
        Lie("answer", lambda e, _: ("trades", e.opening_of("REAL")), instead=False),
        refused="recommendation_missing",
    ),
    way("reports real money as a shadow", REAL, TRUE, says("open", kind="SHADOW"), refused="role_mismatch"),
    way(
        "trades although it has declined",
        REAL,
        "-1",
        says("answer", action="DECLINE", plan=None),
        UNASKED,
        violation="NOT_PERMITTED PLAN_DIFFERS",
    ),
]
