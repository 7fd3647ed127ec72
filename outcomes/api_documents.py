"""The documents inside bodies, as JSON Schema: what is named in them, and where anything else may stand beside it.

For the OpenAPI document alone. What is read of the documents, and how strictly, stands in `outcomes.core`.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kernel.canonical import SHA256_HEX
from kernel.fields import INSTANT, JSON_OBJECT, STORABLE, JSONObjectField
from kernel.values import EPOCHS
from outcomes.core.checks import EXPIRY_KINDS, SIDE_OF_KIND
from outcomes.core.quoting import INSTRUMENT_PATTERN, MAX_LENGTH, PRICE_END, PRICE_PATTERN, PRICE_PLACES, QuoteFlag
from outcomes.core.trades import EFFECTS, SIDES, TradeFlag

Schema = dict[str, Any]


def _object(properties: Schema, *, optional: tuple[str, ...] = (), others: bool = False) -> Schema:
    """An object with these members; `others` when it may have more."""
    required = [name for name in properties if name not in optional]
    made: Schema = {"type": "object", "properties": properties} | (JSON_OBJECT if others else {})
    return made | {"required": required} if required else made


def _by_instrument(schema: Schema) -> Schema:
    return JSON_OBJECT | {"additionalProperties": schema}


# As text or as a number; kept as it came.
FEED_PRICE: Schema = {
    "anyOf": [
        {"type": "string", "pattern": f"^({PRICE_PATTERN})$"},
        {"type": "number", "minimum": 0, "exclusiveMaximum": PRICE_END},
    ],
    "description": f"Rounded to {PRICE_PLACES} decimals.",
}
FEED_TIME: Schema = {
    "anyOf": [
        INSTANT,
        *(
            {"type": "number", "description": f"{unit} since 1970.", "minimum": first, "exclusiveMaximum": end}
            for unit, first, end in EPOCHS
        ),
    ]
}
_DECIMAL: Schema = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_HASH: Schema = {"type": "string", "pattern": SHA256_HEX}
_INSTRUMENT: Schema = {"type": "string", "pattern": INSTRUMENT_PATTERN, "maxLength": MAX_LENGTH}

QUOTE = _object({"bid": FEED_PRICE, "ask": FEED_PRICE, "quote_time": FEED_TIME}, others=True)
QUOTES = _by_instrument(QUOTE)
SETTLEMENT = _object(
    {
        "price": FEED_PRICE,
        "settled_at": FEED_TIME,
        "kind": {"type": "string", "enum": [*EXPIRY_KINDS, *SIDE_OF_KIND]},
        "underlying": FEED_PRICE,
    },
    optional=("underlying",),
    others=True,
)
SETTLEMENTS = _by_instrument(SETTLEMENT)
# Whatever else the engine saw may stand beside these, and is kept as sent; a real exit with a bad quote is kept, too.
CONDITIONS: Schema = {
    "properties": {
        "underlying": JSON_OBJECT | {"properties": {"symbol": {"type": "string", "pattern": STORABLE}}},
        "quotes": JSON_OBJECT,
        "settlements": JSON_OBJECT,
    },
} | JSON_OBJECT
SIGNAL = _object(
    {
        "signal_id": {"type": "string", "format": "uuid"},
        "symbol": {"type": "string"},
        "exchange": {"type": "string"},
        "direction": {"type": "string", "enum": ["LONG", "SHORT"]},
        "timeframe": {"type": "string"},
        "timestamp": _INSTANT,
        "signal_hash": _HASH,
    }
)
CONTEXT = _object(
    {
        "context_version": {"type": "integer", "minimum": 1},
        "signal": SIGNAL,
        "prices": {"type": "object", "additionalProperties": _DECIMAL},
        "volume": _DECIMAL | {"type": ["string", "null"]},
        "indicators": JSON_OBJECT,
        "market_data": _object(
            {
                "as_of": _INSTANT,
                "received_at": _INSTANT,
                "source": {"type": "string"},
                "data": JSON_OBJECT,
            }
        )
        | {"type": ["object", "null"]},
    }
)
_LEG = {"instrument": _INSTRUMENT, "side": {"type": "string", "enum": list(SIDES)}}
PLANNED_LEGS: Schema = {"type": "array", "items": _object(_LEG | {"ratio": {"type": "integer", "minimum": 1}})}
OPENED_LEGS: Schema = {
    "type": "array",
    "items": _object(
        _LEG | {"ratio": {"type": "integer", "minimum": 1}, "entry_price": _DECIMAL | {"type": ["string", "null"]}},
        optional=("entry_price",),
    ),
}
CLOSING_LEGS: Schema = {"type": "array", "items": _object(_LEG | {"quantity": _DECIMAL})}
FILLED_LEGS: Schema = {
    "type": "array",
    "items": _object(
        _LEG | {"effect": {"type": "string", "enum": list(EFFECTS)}, "quantity": _DECIMAL, "price": _DECIMAL},
        others=True,
    ),
}
TRADE_FLAGS = [flag.value for flag in TradeFlag]
FLAGS: Schema = {"type": "array", "items": {"type": "string", "enum": TRADE_FLAGS}}
QUOTE_FLAGS: Schema = _by_instrument({"type": "string", "enum": [flag.value for flag in QuoteFlag]})


@extend_schema_field(QUOTES)
class QuotesDocumentField(JSONObjectField):
    """Quotes by instrument, as sent."""


@extend_schema_field(SETTLEMENTS)
class SettlementsDocumentField(JSONObjectField):
    """Settlements by instrument, as sent."""


@extend_schema_field(CONDITIONS)
class ConditionsField(JSONObjectField):
    """Market conditions, as sent."""


@extend_schema_field(SIGNAL)
class SignalDocumentField(JSONObjectField):
    """The normalised signal of a market context."""


@extend_schema_field(CONTEXT)
class ContextField(JSONObjectField):
    """A market context, as it is hashed."""


@extend_schema_field(
    _object(
        {
            "legs": PLANNED_LEGS, "quantity": _DECIMAL, "multiplier": _DECIMAL, "currency": {"type": "string"},
            "risk_amount": _DECIMAL,
        }
    )
)  # fmt: skip
class PlanDocumentField(JSONObjectField):
    """A plan as it was stored."""


@extend_schema_field(OPENED_LEGS)
class OpenedLegsField(serializers.JSONField):
    """The legs of a trade as it was opened."""


@extend_schema_field(CLOSING_LEGS)
class ClosingLegsField(serializers.JSONField):
    """What a directive closes."""


@extend_schema_field(FILLED_LEGS)
class FilledLegsField(serializers.JSONField):
    """The executions of a fill, without the numbers of the feed's quotes, which count what is asked for its rival."""

    def to_representation(self, value: Any) -> Any:
        """As stored but for these."""
        return [{name: _without_id(member) for name, member in leg.items()} for leg in value]


def _without_id(member: Any) -> Any:
    return {name: each for name, each in member.items() if name != "quote_id"} if isinstance(member, dict) else member


@extend_schema_field(FLAGS)
class FlagsField(serializers.JSONField):
    """What is remarkable about a trade."""
