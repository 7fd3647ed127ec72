"""What else shows that an order closes a position or opens one: the size of the position, and the order's own texts."""

from __future__ import annotations

import re
from decimal import Decimal

from signals_app.alerts.closing_vocabulary import (
    ORDER_TEXT_ALIASES,
    PREVIOUS_SIZE_ALIASES,
    QUANTITY_ALIASES,
    SIGNED_SIZE_ALIASES,
    SIZE_ALIASES,
    WEAK_ORDER_TEXT_ALIASES,
)
from signals_app.alerts.fields import Field, Fields, compact, in_order, refuse_placeholder
from signals_app.alerts.vocabulary import (
    EXIT_WORDS,
    LONG,
    SHORT,
)
from signals_app.alerts.words import OPENING, Position, Word

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?")
_TEXTS = in_order(sorted(ORDER_TEXT_ALIASES | WEAK_ORDER_TEXT_ALIASES))
_AFTER, _BEFORE = in_order(sorted(SIZE_ALIASES)), in_order(sorted(PREVIOUS_SIZE_ALIASES))
_QUANTITIES = in_order(sorted(QUANTITY_ALIASES))
# So TradingView itself calls the orders of strategy.close, of strategy.close_all and of a margin call.
_OWN_TEXT = re.compile(r"\s*(?:close entry\(s\) order|close position order|margin call)", re.IGNORECASE)
_BEGINNING = re.compile(r"\s*(?:close|stop)", re.IGNORECASE)
# The words of "Long TP1", "exit_long", "ExitLong" and "LONG-SL" alike.
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_CLOSING_WORDS = frozenset({"exit", "exits", "cover", "tp", "sl", "trail", "trailing"})
_CLOSING_PHRASE = re.compile(r"take[ _-]?profit|stop[ _-]?loss", re.IGNORECASE)
_SIDE_WORDS = {LONG: frozenset({"long", "buy", "longs"}), SHORT: frozenset({"short", "sell", "shorts"})}


def from_sizes(fields: Fields, order: str | None, previous: Position | None, current: Position | None) -> Word | None:
    """What the size of the position after the order says: an exit intent, OPENING, or None for nothing.

    ``order`` is the direction of the order, None without one. Where the position changed its side, a smaller size is no
    exit.
    """
    after, before = _sizes(fields, _AFTER), _sizes(fields, _BEFORE)
    gone = next((field for field, size in after if size == 0), None)
    if gone is not None:
        return Word(gone, "EXIT")
    # A field called "position" with a number in it may be the quantity; only its zero says something.
    after = [(field, size) for field, size in after if field.alias != "position"]
    if not after or (current is not None and previous is not None and current.side != previous.side):
        return None
    field, size = after[0]
    # Only one with a sign tells long from short, and one without a quantity beside it may be the quantity itself.
    is_signed = field.alias in SIGNED_SIZE_ALIASES and ("." in field.alias or bool(fields.among(_QUANTITIES)))
    if before:
        was = before[0][1]
        if abs(size) < abs(was) and size * was > 0:
            return Word(field, f"REDUCE_{current.side}" if current else "REDUCE")
        if abs(size) > abs(was):
            return Word(field, OPENING)
    if current is not None:
        return None
    if order == LONG and size < 0:
        return Word(field, "REDUCE_SHORT")
    if order == SHORT and size < 0:
        return Word(field, OPENING)
    if order == SHORT and is_signed:
        return Word(field, "REDUCE_LONG")
    return Word(field, OPENING) if order == LONG and is_signed else None


def _sizes(fields: Fields, aliases: dict[str, int]) -> list[tuple[Field, Decimal]]:
    sizes = []
    for field in fields.among(aliases):
        refuse_placeholder(field)
        text = str(field.value).strip()
        # Text that is no number, such as "2%", is a size of another kind.
        if not isinstance(field.value, bool) and _NUMBER.fullmatch(text):
            sizes.append((field, Decimal(text)))
    return sizes


def from_texts(fields: Fields, direction: str | None, *, is_opening: bool) -> Word | None:
    """What the order's id and comment say: EXIT, OPENING where they name the side that it opens, None for nothing.

    ``direction`` is what the order would open, None when nothing else says; ``is_opening`` that something else shows
    an opening, so that only TradingView's own texts count.
    """
    texts = [field for field in fields.among(_TEXTS) if isinstance(field.value, str)]
    own = next((field for field in texts if _OWN_TEXT.match(field.value)), None)
    if own is not None:
        return Word(own, "EXIT")
    has_order_id = any(field.alias.endswith(("orderid", "order.id")) for field in texts)
    found = None
    for field in texts:
        # An id is the order's where no other is; the name of a strategy says nothing about one order.
        if is_opening or (field.alias in WEAK_ORDER_TEXT_ALIASES and (field.alias != "id" or has_order_id)):
            continue
        words = {word.lower() for word in _WORDS.findall(field.value)}
        if direction is not None and not words.isdisjoint(_SIDE_WORDS[direction]):
            found = found or Word(field, OPENING)
        elif (
            not words.isdisjoint(_CLOSING_WORDS)
            or _BEGINNING.match(field.value)
            or _CLOSING_PHRASE.search(field.value)
            or compact(field.value.strip()) in EXIT_WORDS
        ):
            return Word(field, "EXIT")
    return found
