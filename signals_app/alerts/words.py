"""What an alert's words, flags, sizes and texts say of its order: what it buys or sells, opens or closes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from kernel.errors import DomainError
from signals_app.alerts.closing_vocabulary import (
    CLOSING_EFFECTS,
    CLOSING_FLAGS,
    EFFECT_ALIASES,
    EXIT_REASON_ALIASES,
    LITERAL_FLAGS,
    NO_REASON,
    OPENING_EFFECTS,
    ORDER_TEXT_ALIASES,
    PREVIOUS_SIZE_ALIASES,
    QUANTITY_ALIASES,
    SIGNED_SIZE_ALIASES,
    SIZE_ALIASES,
    WEAK_ORDER_TEXT_ALIASES,
)
from signals_app.alerts.fields import Field, Fields, compact, in_order, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import (
    AMBIGUOUS_WORDS,
    DESCRIPTION_ALIASES,
    DIRECTION_ALIASES,
    DIRECTION_FLAGS,
    EXIT_WORDS,
    LONG,
    LONG_WORDS,
    LOOSE_POSITION_ALIASES,
    POSITION_WORDS,
    QUALIFIERS,
    SHORT,
    SHORT_WORDS,
    STRICT_EXIT_WORDS,
    Weight,
)

ALLOWED = 'send "long" or "short", or "buy" or "sell"'
OPENING = "OPENING"
_PLAIN_ORDERS = frozenset({"buy", "sell", "bto", "buytoopen"})
_RAISED = frozenset({"true", "1", "yes"})
_DIRECTION_NAMES = in_order((*DIRECTION_ALIASES, *DIRECTION_FLAGS))
_EVIDENCE = in_order(sorted(EFFECT_ALIASES | CLOSING_FLAGS.keys() | EXIT_REASON_ALIASES))


@dataclass(frozen=True, slots=True)
class Word:
    """What one field says: LONG, SHORT, an exit intent such as EXIT_LONG, or that something is opened.

    A plain order is a bare "buy" or "sell", which names no position.
    """

    field: Field
    meaning: str
    weight: Weight = Weight.STRICT
    is_order: bool = False
    is_plain_order: bool = False

    @property
    def is_entry(self) -> bool:
        """Whether it names a direction."""
        return self.meaning in {LONG, SHORT}


@dataclass(frozen=True, slots=True)
class Position:
    """A position that the alert names: LONG, SHORT or FLAT."""

    field: Field
    side: str


def read_words(fields: Fields) -> list[Word]:
    """The words in the fields that give directions; raise DomainError for what should be one and is not."""
    return [word for field in fields.among(_DIRECTION_NAMES) if (word := _word(field))]


def read_effects(fields: Fields) -> list[Word]:
    """What flags and effects say: exit intents, and OPENING where the order is said to open."""
    found = []
    for field in fields.among(_EVIDENCE):
        text = str(field.value).strip().lower()
        meaning = None
        if field.alias in CLOSING_FLAGS:
            raised = text == "true" if field.alias in LITERAL_FLAGS else text in _RAISED
            meaning = CLOSING_FLAGS[field.alias] if raised else None
        elif field.alias in EXIT_REASON_ALIASES:
            meaning = None if text in NO_REASON else "EXIT"
        elif isinstance(field.value, str):
            text = compact(text)
            meaning = OPENING if text in OPENING_EFFECTS else CLOSING_EFFECTS.get(text)
        if meaning:
            found.append(Word(field, meaning))
    return found


def read_position(fields: Fields, aliases: Iterable[str]) -> Position | None:
    """The position under one of these names, None without one; raise DomainError when two differ."""
    found = [field for field in fields.find(aliases) if isinstance(field.value, str)]
    for field in found:
        refuse_placeholder(field)
        if field.alias not in LOOSE_POSITION_ALIASES and compact(field.value.strip()) not in POSITION_WORDS:
            raise DomainError(
                "direction_invalid",
                f'{field.name} is {shown(field.value)}; send "long", "short" or "flat".',
                field.pointer,
            )
    known = [field for field in found if compact(field.value.strip()) in POSITION_WORDS]
    reading = read_agreeing(known, lambda field: POSITION_WORDS[compact(field.value.strip())])
    return Position(reading.fields[0], reading.value) if reading else None


def invalid_direction(field: Field) -> DomainError:
    """The error about a field that should hold a direction."""
    return DomainError(
        "direction_invalid",
        f"{field.name} is {shown(field.value)}, which is not a direction; {ALLOWED}.",
        field.pointer,
    )


def _word(field: Field) -> Word | None:
    """What the field says, None when it is no direction and need not be one."""
    if field.alias in DIRECTION_FLAGS:
        raised = str(field.value).strip().lower() in _RAISED
        return _make_word(field, DIRECTION_FLAGS[field.alias], Weight.STRICT, is_order=True) if raised else None
    weight, is_order = DIRECTION_ALIASES[field.alias]
    if not isinstance(field.value, str):
        if weight is Weight.STRICT:
            raise DomainError(
                "direction_type", f"{field.name} must be text, not {shown(field.value)}; {ALLOWED}.", field.pointer
            )
        return None
    text = compact(field.value.strip())
    if text in LONG_WORDS or text in SHORT_WORDS:
        return _make_word(field, text, weight, is_order=is_order)
    # Targets are often numbered: TP1, TP2.
    exit_word = text.rstrip("0123456789")
    is_exit = exit_word in EXIT_WORDS and field.alias not in DESCRIPTION_ALIASES
    if is_exit and (weight is Weight.STRICT or exit_word not in STRICT_EXIT_WORDS):
        return Word(field, EXIT_WORDS[exit_word])
    if weight is not Weight.WORD:
        refuse_placeholder(field)
    if text in AMBIGUOUS_WORDS:
        raise DomainError(
            "direction_invalid",
            f"{field.name} is {shown(field.value)}, which is ambiguous: {AMBIGUOUS_WORDS[text]}; "
            'send "direction" with "long" or "short" for the underlying.',
            field.pointer,
        )
    if weight is Weight.STRICT and text not in QUALIFIERS:
        raise invalid_direction(field)
    return None


def _make_word(field: Field, text: str, weight: Weight, *, is_order: bool) -> Word:
    meaning = LONG if text in LONG_WORDS else SHORT
    return Word(field, meaning, weight, is_order, is_plain_order=text in _PLAIN_ORDERS)


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
