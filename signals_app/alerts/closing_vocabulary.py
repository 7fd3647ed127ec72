"""The names and words by which alerts tell, besides their direction, that an order closes something or opens it.

Written compact, as in `vocabulary`.
"""

from __future__ import annotations

from signals_app.alerts.vocabulary import EXIT_WORDS, QUALIFIERS

# What an order does to the position; any other text there, such as a price offset, says nothing.
EFFECT_ALIASES = frozenset(
    {
        "tradetype", "intent", "orderintent", "offset", "offsetflag", "comboffset", "openclose", "positioneffect",
        "positionintent", "effect", "entryexit", "order.intent", "order.positioneffect", "order.positionintent",
        "strategy.intent", "signal.intent", "tradeside", "positionaction", "opencloseflag", "openorclose",
        "entryorexit", "orderpurpose", "ordereffect", "dealentry", "entry",
    }
)  # fmt: skip
# Beside it the side is that of the position, as Bitget has it: "buy" and "close" close a long.
POSITION_EFFECTS = frozenset({"tradeside"})
CLOSING_EFFECTS = EXIT_WORDS | {
    "c": "EXIT", "toclose": "EXIT", "closetoday": "EXIT", "closeyesterday": "EXIT", "forceclose": "EXIT",
    "closingonly": "EXIT", "closeonly": "EXIT", "out": "EXIT", "dealentryout": "EXIT", "dealentryoutby": "EXIT",
}  # fmt: skip
OPENING_EFFECTS = QUALIFIERS | {"o", "opening", "toopen", "buytoopen", "selltoopen", "bto", "sto"}
# Flags that say of the order itself that it closes something.
CLOSING_FLAGS = {
    "isclose": "EXIT", "isclosing": "EXIT", "isexit": "EXIT", "closeposition": "EXIT", "closeontrigger": "EXIT",
    "closeorder": "EXIT", "closeonly": "EXIT", "exitorder": "EXIT", "exitposition": "EXIT",
    "exit": "EXIT", "flatten": "EXIT", "closelong": "EXIT_LONG", "closeshort": "EXIT_SHORT",
    "reduceonly": "REDUCE", "isreduce": "REDUCE", "isreduceonly": "REDUCE", "reduce": "REDUCE",
    "order.reduceonly": "REDUCE", "order.closeposition": "EXIT", "order.isexit": "EXIT",
    "strategy.isexit": "EXIT", "signal.isexit": "EXIT",
    "close": "EXIT", "closing": "EXIT", "closetrade": "EXIT", "exittrade": "EXIT", "cover": "EXIT", "flat": "EXIT",
    "goflat": "EXIT", "isflat": "EXIT", "exitlong": "EXIT_LONG", "exitshort": "EXIT_SHORT", "closeall": "EXIT_ALL",
    "exitall": "EXIT_ALL", "closeallpositions": "EXIT_ALL", "liquidate": "EXIT_ALL", "reduceposition": "REDUCE",
    "tphit": "EXIT", "slhit": "EXIT", "stophit": "EXIT", "istp": "EXIT", "issl": "EXIT", "istakeprofit": "EXIT",
    "isstoploss": "EXIT",
}  # fmt: skip
# These hold prices and sizes as well, so that a 1 there is none.
LITERAL_FLAGS = frozenset(
    {"exit", "reduce", "close", "closelong", "closeshort", "exitlong", "exitshort", "cover", "flat", "flatten"}
)
# Flags that say of the order itself that it opens something, and so, where they are not raised, that it does not.
OPENING_FLAGS = frozenset({"isentry", "isopening"})
# Why a position was left; there is none where nothing was.
EXIT_REASON_ALIASES = frozenset({"exitreason", "closereason"})
NO_REASON = frozenset({"na", "nan", "none", "null", "n/a", "-", "false", "0"})

_SIZES = (
    "positionsize", "marketpositionsize", "possize", "positionqty", "positionquantity", "positionamt", "positionamount",
)  # fmt: skip
_BEFORE = ("prevmarketpositionsize", "previousmarketpositionsize", "prevpositionsize", "previouspositionsize")
SIZE_ALIASES = frozenset(
    {f"{place}{name}" for place in ("", "strategy", "strategy.", "strategyinfo.", "market.") for name in _SIZES}
    | {
        "position", "position.size", "currentpositionsize", "newpositionsize", "newposition", "netposition", "netqty",
        "netquantity", "positionafter",
    }
)  # fmt: skip
PREVIOUS_SIZE_ALIASES = frozenset(
    {f"{place}{name}" for place in ("", "strategy", "strategy.", "strategyinfo.", "market.") for name in _BEFORE}
    | {"position.prevsize", "position.previoussize", "positionbefore"}
)
# With a sign, for which a long is a positive number.
SIGNED_SIZE_ALIASES = frozenset(
    alias for alias in SIZE_ALIASES if alias.endswith("positionsize") and "market" not in alias
)
# Beside one of these, `position_size` is no quantity of the order but the position after it.
QUANTITY_ALIASES = frozenset({"quantity", "qty", "contracts", "ordercontracts", "amount", "volume", "size", "lots"})

# The texts of an order: ids that the strategy's author chose, or that TradingView gives to orders which close.
ORDER_TEXT_ALIASES = frozenset(
    {
        "orderid", "strategyorderid", "strategy.orderid", "strategy.order.id", "order.id", "comment", "ordercomment",
        "strategyordercomment", "strategy.comment", "strategy.ordercomment", "strategy.order.comment", "order.comment",
    }
)  # fmt: skip
WEAK_ORDER_TEXT_ALIASES = frozenset({"id", "strategy", "strategyname", "name"})
# What is said in whole sentences, where words of closing describe the market as well ("Close above 570"): only
# TradingView's own texts say something here, and an exit word that stands alone.
SENTENCE_ALIASES = frozenset(
    {
        "message", "alertmessage", "orderalertmessage", "strategy.order.alertmessage", "strategy.alertmessage", "msg",
        "text", "note", "description", "ordername", "label", "tag", "reason",
    }
)  # fmt: skip
