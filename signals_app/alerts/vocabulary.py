"""The names and words that alerts use, and what each means.

Every name and word is written compact: lower case, without ``_``, ``-`` and spaces, so that
``Order_Action``, ``order-action`` and ``orderAction`` are one entry. A dot means "inside": the entry
``strategy.orderaction`` is the field ``order_action`` of the object ``strategy``.

Changing a table changes how alerts are read from then on. What a stored signal was read from is stored with it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

# Objects that are looked into. Others are data for the engines.
CONTAINERS = frozenset(
    {
        "strategy", "strategyinfo", "bar", "signal", "instrument", "meta", "general", "order", "market", "currency",
        "position", "option",
    }
)  # fmt: skip
# Objects that hold the whole alert; relays and alert services wrap it so.
ENVELOPES = frozenset({"data", "alert", "payload", "message"})

# In public receivers of TradingView alerts `symbol` occurs 48 times and `ticker` 27, no other name more than 6.
SYMBOL_ALIASES = (
    "symbol", "ticker", "pair", "instrument", "tvinstrument",
    "instrument.ticker", "instrument.symbol", "meta.ticker", "meta.symbol", "general.ticker",
)  # fmt: skip
# These often say something else ("market": "spot"), so they are read only when no other is there.
WEAK_SYMBOL_ALIASES = (
    "market", "contract", "coin", "asset", "tradingsymbol", "tradingpair", "instid", "instrumentname", "currency.base",
)  # fmt: skip
EXCHANGE_ALIASES = ("exchange", "tvexchange", "instrument.exchange", "meta.exchange", "general.exchange")
# What an expanded "no value" looks like. NA and NAN in upper case are listed companies.
NOT_A_SYMBOL = frozenset({"NaN", "nan", "Na", "na", "null", "NULL", "Null", "None", "none", "NONE", "undefined"})

# `timeframe` 13, `interval` 9 and `tf` 6 times there.
TIMEFRAME_ALIASES = ("timeframe", "interval", "tf", "charttimeframe", "general.interval")
# An RSI has a period, too: read only when no other is there.
WEAK_TIMEFRAME_ALIASES = ("triggertimeframe", "resolution", "period")
TIMEFRAME_WORDS = {"hourly": "1h", "daily": "1d", "weekly": "1w", "monthly": "1M"}
TIMEFRAME_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
    "w": "w", "wk": "w", "week": "w", "weeks": "w",
    "mo": "M", "mon": "M", "month": "M", "months": "M",
}  # fmt: skip

# In order of preference; names in one group must agree with each other.
TIMESTAMP_RANKS: tuple[tuple[str, ...], ...] = (
    ("timestamp",),
    ("timenow", "general.timenow"),
    ("alerttimestamp",),
    ("alerttime",),
    ("time", "general.time"),
    ("date", "ts"),
    ("datetime",),
    ("created", "createdat"),
    ("ordertime",),
    ("bar.time", "bartime", "candletime"),
)
# TradingView's {{time}} is when the bar opened, not when the alert fired.
BAR_OPEN_ALIASES = frozenset({"time", "general.time", "bar.time", "bartime", "candletime"})

STRATEGY_ALIASES = ("strategy", "strategyname", "strategyid")
ORDER_ID_ALIASES = ("orderid", "strategy.orderid", "strategyorderid", "strategy.order.id")
# Often the number of a message or a bot: read only when no other is there, and only where it is text.
WEAK_ORDER_ID_ALIASES = ("id",)

# What counts a sender's alerts, one by one, so that a gap shows; no public receiver reads one yet.
SEQUENCE_ALIASES = (
    "sequence", "sequencenumber", "sequenceno", "sequencenum", "sequenceid", "seq", "seqno", "seqnum", "seqnumber",
    "seqid", "msgseqnum", "alertnumber", "alertno",
)  # fmt: skip


class Weight(Enum):
    """How much the name of a field promises that its value is a direction."""

    STRICT = "must hold a direction word"
    LOOSE = "counts when it holds one; named when nothing else gives a direction"
    WORD = "counts when it holds one; otherwise it is something else, such as an order type"


class DirectionField(NamedTuple):
    """A field that can give a direction; an order is outranked by a change of position."""

    weight: Weight
    is_order: bool


_STRICT_ORDER = DirectionField(Weight.STRICT, is_order=True)
_LOOSE_ORDER = DirectionField(Weight.LOOSE, is_order=True)
_LOOSE_VIEW = DirectionField(Weight.LOOSE, is_order=False)
_WORD_VIEW = DirectionField(Weight.WORD, is_order=False)

# `side` and `action` are what most receivers read; `type` is mostly the type of an order.
DIRECTION_ALIASES: dict[str, DirectionField] = {
    "direction": DirectionField(Weight.STRICT, is_order=False),
    "action": _STRICT_ORDER,
    "side": _STRICT_ORDER,
    "orderaction": _STRICT_ORDER,
    "orderside": _STRICT_ORDER,
    "cmd": _STRICT_ORDER,
    "strategyorderaction": _STRICT_ORDER,
    "strategy.orderaction": _STRICT_ORDER,
    "strategy.order.action": _STRICT_ORDER,
    "strategyinfo.orderaction": _STRICT_ORDER,
    "strategy.action": _LOOSE_ORDER,
    "strategy.side": _LOOSE_ORDER,
    "transactiontype": _LOOSE_ORDER,
    # It may say entry or exit as well.
    "tradetype": _LOOSE_ORDER,
    "order.action": _STRICT_ORDER,
    "order.side": _STRICT_ORDER,
    "signal": _LOOSE_VIEW,
    "signaltype": _LOOSE_VIEW,
    "signal.direction": _LOOSE_VIEW,
    "signal.side": _LOOSE_VIEW,
    "signal.action": _LOOSE_VIEW,
    "signal.type": _LOOSE_VIEW,
    "trend": _LOOSE_VIEW,
    "bias": _LOOSE_VIEW,
    "sentiment": _LOOSE_VIEW,
    "type": _WORD_VIEW,
    "alerttype": _WORD_VIEW,
    "order": _WORD_VIEW,
    "ordertype": _WORD_VIEW,
    "event": _WORD_VIEW,
    "command": _WORD_VIEW,
    "data": DirectionField(Weight.WORD, is_order=True),
    # In hedge mode a long and a short are held at once: an order the other way than its position closes it.
    "positionside": _LOOSE_VIEW,
    "positiondirection": _LOOSE_VIEW,
    "posside": _LOOSE_VIEW,
    "holdside": _LOOSE_VIEW,
    "order.positionside": _LOOSE_VIEW,
    "positionidx": _LOOSE_VIEW,
    # Of an option's order, in full: SELL_TO_CLOSE.
    "instruction": DirectionField(Weight.WORD, is_order=True),
}
HEDGE_ALIASES = frozenset({"positionside", "posside", "holdside", "positionidx"})
# Bybit's numbers of the two positions; 0 is the only one.
HEDGE_NUMBERS = {"positionidx": {"1": "long", "2": "short"}}
# These describe the market: a flat trend ends no position.
DESCRIPTION_ALIASES = frozenset({"trend", "bias"})
# Flags that say yes or no instead of naming the direction.
DIRECTION_FLAGS = {"isbuy": "buy", "issell": "sell"}

POSITION_ALIASES = (
    "marketposition", "currentposition", "strategymarketposition", "strategy.marketposition",
    "strategyinfo.marketposition", "market.position", "position", "now",
)  # fmt: skip
PREVIOUS_POSITION_ALIASES = (
    "prevmarketposition", "previousmarketposition", "prevposition", "previousposition", "prev",
    "strategyprevmarketposition", "strategy.prevmarketposition", "strategyinfo.prevmarketposition",
    "market.previousposition",
)  # fmt: skip
# Names that are sometimes a size or a time; they count only when they hold a position word.
LOOSE_POSITION_ALIASES = frozenset({"position", "now", "prev"})
OPTION_TYPE_ALIASES = frozenset(
    {"optiontype", "optionright", "option.type", "option.right", "right", "putcall", "callput"}
)
# Names that are no option type where they hold another word.
LOOSE_OPTION_TYPE_ALIASES = frozenset({"right", "option.type"})
CALL_WORDS = frozenset({"call", "calls", "c", "ce"})
PUT_WORDS = frozenset({"put", "puts", "p", "pe"})

LONG = "LONG"
SHORT = "SHORT"
FLAT = "FLAT"

LONG_WORDS = frozenset(
    {
        "buy", "long", "enterlong", "entrylong", "longentry", "openlong", "golong", "bull", "bullish", "call", "up",
        "bto", "buytoopen", "buyce", "buycall", "longopen", "enterlongposition", "openlongposition",
        "buymarket", "marketbuy", "buylimit", "limitbuy",
        # MetaTrader's names of its types.
        "positiontypebuy", "ordertypebuy", "ordertypebuylimit", "ordertypebuystop", "opbuy", "opbuylimit", "opbuystop",
    }
)  # fmt: skip
SHORT_WORDS = frozenset(
    {
        "sell", "short", "entershort", "entryshort", "shortentry", "openshort", "goshort", "sellshort", "bear",
        "bearish", "put", "down", "buype", "buyput", "shortopen", "entershortposition", "openshortposition",
        "sellmarket", "marketsell", "selllimit", "limitsell",
        "positiontypesell", "ordertypesell", "ordertypeselllimit", "ordertypesellstop", "opsell", "opselllimit",
        "opsellstop",
    }
)  # fmt: skip
POSITION_WORDS = {"long": LONG, "short": SHORT, "flat": FLAT}

# Words that end, shrink or withdraw something: recorded, never a signal.
EXIT_WORDS = {
    "close": "EXIT", "exit": "EXIT", "closeposition": "EXIT", "exitposition": "EXIT",
    "flat": "FLAT", "flatten": "FLAT",
    "closeall": "EXIT_ALL", "exitall": "EXIT_ALL", "flattenall": "EXIT_ALL", "liquidate": "EXIT_ALL",
    "closelong": "EXIT_LONG", "exitlong": "EXIT_LONG", "longexit": "EXIT_LONG", "stc": "EXIT_LONG",
    "selltoclose": "EXIT_LONG", "closebuy": "EXIT_LONG",
    "closeshort": "EXIT_SHORT", "exitshort": "EXIT_SHORT", "shortexit": "EXIT_SHORT", "cover": "EXIT_SHORT",
    "buytoclose": "EXIT_SHORT", "buytocover": "EXIT_SHORT", "closesell": "EXIT_SHORT",
    "reduce": "REDUCE", "partial": "REDUCE", "partialclose": "REDUCE", "partialexit": "REDUCE",
    "reducelong": "REDUCE_LONG", "reduceshort": "REDUCE_SHORT",
    "cancel": "CANCEL", "cancelall": "CANCEL", "cancelorder": "CANCEL", "cancelorders": "CANCEL",
    "tp": "EXIT", "takeprofit": "EXIT", "sl": "EXIT", "stoploss": "EXIT", "stopout": "EXIT", "stoppedout": "EXIT",
    "takeprofitmarket": "EXIT", "takeprofitlimit": "EXIT", "closeatmarketprice": "EXIT",
    "flatteneverything": "EXIT_ALL", "cancelallorders": "CANCEL",
    "trail": "EXIT", "trailingstop": "EXIT", "closed": "EXIT", "closing": "EXIT", "unwind": "EXIT",
    "squareoff": "EXIT", "squareoffposition": "EXIT", "closedeal": "EXIT", "closedealsl": "EXIT",
    "closealldeals": "EXIT_ALL", "squareoffportfolio": "EXIT_ALL",
    "closetrade": "EXIT", "exittrade": "EXIT", "closeorder": "EXIT", "closemarket": "EXIT",
    "exitbuy": "EXIT_LONG", "longclose": "EXIT_LONG", "closelongposition": "EXIT_LONG", "selltoexit": "EXIT_LONG",
    "longtp": "EXIT_LONG", "longsl": "EXIT_LONG", "tplong": "EXIT_LONG", "sllong": "EXIT_LONG",
    "exitsell": "EXIT_SHORT", "shortclose": "EXIT_SHORT", "closeshortposition": "EXIT_SHORT", "btc": "EXIT_SHORT",
    "buytoexit": "EXIT_SHORT", "shortcover": "EXIT_SHORT", "covershort": "EXIT_SHORT", "shorttp": "EXIT_SHORT",
    "shortsl": "EXIT_SHORT", "tpshort": "EXIT_SHORT", "slshort": "EXIT_SHORT",
    "decrease": "REDUCE", "trim": "REDUCE", "scaleout": "REDUCE", "reduceonly": "REDUCE",
    "closealllong": "EXIT_LONG", "closeallshort": "EXIT_SHORT", "closelongshort": "EXIT_ALL",
    "closeallpositions": "EXIT_ALL", "flattenposition": "FLAT", "ordertypecloseby": "EXIT",
    "stopandclose": "EXIT_ALL", "cancellong": "CANCEL", "cancelshort": "CANCEL",
    "decreaselong": "REDUCE_LONG", "decreaseshort": "REDUCE_SHORT",
}  # fmt: skip
# A coin as well: buying to close only where a direction is expected.
STRICT_EXIT_WORDS = frozenset({"btc"})

# Words that go with a direction in another field ("action": "entry", "side": "long").
QUALIFIERS = frozenset(
    {"entry", "enter", "open", "add", "increase", "pyramid", "scalein", "reverse", "reversal", "flip", "openposition"}
)

_SELLING_OPTIONS = "selling an option opens a bearish call or a bullish put, or closes a bought one"
AMBIGUOUS_WORDS = {
    "selltoopen": _SELLING_OPTIONS, "sto": _SELLING_OPTIONS,
    "sellce": _SELLING_OPTIONS, "sellpe": _SELLING_OPTIONS,
    "sellcall": _SELLING_OPTIONS, "sellput": _SELLING_OPTIONS,
}  # fmt: skip
