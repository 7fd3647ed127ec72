"""What feeders send and what they are answered; 5,000 quotes are read in one plain pass."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from experiments.distribution import MAX_WAIT_SECONDS
from kernel.fields import DecimalTextField, InstantField, PatternField, StrictSerializer
from outcomes.api_documents import FEED_PRICE, FEED_TIME
from outcomes.core.quoting import (
    BAD_INSTRUMENT,
    INSTRUMENT_PATTERN,
    MAX_LENGTH,
    PRICE_END,
    canonical_instrument,
    is_instrument,
    read_price,
    read_quote_time,
)
from outcomes.core.trades import PRICE
from outcomes.services.pricing import PushedQuote

MAX_QUOTES = 5000
MEMBERS = frozenset({"instrument", "bid", "ask", "quote_time", "changed_at"})
REQUIRED = ("instrument", "bid", "ask", "quote_time")
BAD_PRICE = f"Send a price of 0 or more, below {PRICE_END:,}; 0 if nobody bids or offers."


@extend_schema_field(FEED_PRICE)
class FeedPriceField(DecimalTextField):
    """A price as feeds write it."""


@extend_schema_field(FEED_TIME)
class FeedTimeField(InstantField):
    """A time as feeds write it."""


class QuoteSerializer(StrictSerializer):
    """One quote, as the schema describes it; `QuotesField` reads it."""

    instrument = PatternField(INSTRUMENT_PATTERN, max_length=MAX_LENGTH, help_text="As in quote-requests.")
    bid = FeedPriceField(**PRICE, help_text="0 if nobody bids.")
    ask = FeedPriceField(**PRICE, help_text="0 if nobody offers.")
    quote_time = FeedTimeField(help_text="When the feeder last knew the quote to be good, not when it last changed.")
    changed_at = FeedTimeField(required=False, allow_null=True, help_text="When the quote last changed.")


@extend_schema_field(QuoteSerializer(many=True, min_length=1, max_length=MAX_QUOTES))  # type: ignore[call-arg]  # DRF takes them
class QuotesField(serializers.Field[list[PushedQuote], Any, Any, Any]):
    """Up to 5,000 quotes. A serializer for each would take seconds; the errors read as if there were one."""

    def to_internal_value(self, data: Any) -> list[PushedQuote]:
        """The quotes; the first that cannot be read is refused with its number, and all others with it."""
        if not isinstance(data, list):
            raise serializers.ValidationError("Send a list of quotes.", code="not_a_list")
        if not data:
            raise serializers.ValidationError("Send at least one quote.", code="empty")
        if len(data) > MAX_QUOTES:
            raise serializers.ValidationError(f"Send at most {MAX_QUOTES} quotes.", code="max_length")
        return [_pushed_quote(raw, number) for number, raw in enumerate(data)]


class QuotesSerializer(StrictSerializer):
    """Quotes of any instruments and instants."""

    quotes = QuotesField(help_text=f"1 to {MAX_QUOTES} quotes.")


class QuotesAnswerSerializer(serializers.Serializer[Any]):
    """What became of the quotes."""

    stored = serializers.IntegerField(help_text="Number of new quotes.")
    repeated = serializers.IntegerField(
        help_text="Quotes that this feeder had already sent: the same instrument, quote_time, bid and ask."
    )
    conflicting = serializers.IntegerField(
        help_text="Quotes with another bid or ask than this feeder's first of that instrument and time, which stands."
    )
    crossed = serializers.IntegerField(
        help_text="Quotes with a bid above the ask, which are not kept; an ask of 0 is none."
    )


class QuoteRequestsQuerySerializer(StrictSerializer):
    """How long to wait for something to quote."""

    wait_seconds = serializers.FloatField(min_value=0, max_value=MAX_WAIT_SECONDS, default=0)


class QuoteRequestSerializer(serializers.Serializer[Any]):
    """One instrument to quote."""

    instrument = serializers.CharField(help_text="OCC symbols padded to 21 characters.")
    source = serializers.CharField(help_text="Slug of the webhook source.")  # type: ignore[assignment]  # DRF's own
    as_of = serializers.DateTimeField(
        allow_null=True, help_text="Null: quote now, for as long as it is requested. For a replay: the time to quote."
    )


class QuoteRequestsSerializer(serializers.Serializer[Any]):
    """What open plans and trades need quoted."""

    quote_requests = QuoteRequestSerializer(many=True)


def _pushed_quote(raw: object, number: int) -> PushedQuote:
    if not isinstance(raw, dict):
        raise _refused(number, not_a_dict="Send an object with instrument, bid, ask and quote_time.")
    # A misspelt optional field would otherwise be dropped in silence.
    if not MEMBERS.issuperset(raw):
        unknown = min(raw.keys() - MEMBERS)
        detail = serializers.ErrorDetail("Unknown field.", code="unknown_field")
        raise serializers.ValidationError({str(number): {unknown: [detail]}})
    for name in REQUIRED:
        if raw.get(name) is None:
            raise _refused(
                number, name, **({"null": "Must not be null."} if name in raw else {"required": "Required."})
            )
    if not is_instrument(raw["instrument"]):
        raise _refused(number, "instrument", invalid=BAD_INSTRUMENT)
    bid, ask = read_price(raw["bid"]), read_price(raw["ask"])
    if bid is None or ask is None:
        raise _refused(number, "bid" if bid is None else "ask", invalid=BAD_PRICE)
    quote_time = _time(raw, "quote_time", number)
    changed_at = None if raw.get("changed_at") is None else _time(raw, "changed_at", number)
    return PushedQuote(canonical_instrument(raw["instrument"]), bid, ask, quote_time, changed_at)


def _time(raw: dict[str, Any], name: str, number: int) -> datetime:
    try:
        return read_quote_time(raw[name])
    except ValueError as error:
        raise _refused(number, name, invalid_time=str(error)) from error


def _refused(number: int, field: str = "", /, **errors: str) -> serializers.ValidationError:
    """The error of one quote or of one of its fields, as a serializer for each quote would raise it."""
    details = [serializers.ErrorDetail(sentence, code=code) for code, sentence in errors.items()]
    return serializers.ValidationError({str(number): {field: details} if field else details})
