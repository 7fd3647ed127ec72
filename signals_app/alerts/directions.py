"""Reading the direction of an alert: LONG, SHORT, or an exit that creates no signal.

Nothing is guessed: what contradicts itself is refused, and what ends or shrinks a position is never
taken for an entry the other way, however the alert tells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from kernel.errors import DomainError
from signals_app.alerts.closing_vocabulary import (
    CLOSING_EFFECTS,
    CLOSING_FLAGS,
    EFFECT_ALIASES,
    EXIT_REASON_ALIASES,
    LITERAL_FLAGS,
    NO_REASON,
    OPENING_EFFECTS,
    OPENING_FLAGS,
    ORDER_TEXT_ALIASES,
    POSITION_EFFECTS,
    PREVIOUS_SIZE_ALIASES,
    QUANTITY_ALIASES,
    SENTENCE_ALIASES,
    SIGNED_SIZE_ALIASES,
    SIZE_ALIASES,
    WEAK_ORDER_TEXT_ALIASES,
)
from signals_app.alerts.fields import Fields, compact, in_order, read_agreeing, refuse_placeholder
from signals_app.alerts.refusals import ALLOWED, Field, conflict, invalid_direction, shown
from signals_app.alerts.vocabulary import (
    AMBIGUOUS_WORDS,
    CALL_WORDS,
    DESCRIPTION_ALIASES,
    DIRECTION_ALIASES,
    DIRECTION_FLAGS,
    EXIT_WORDS,
    FLAT,
    HEDGE_ALIASES,
    HEDGE_NUMBERS,
    LONG,
    LONG_WORDS,
    LOOSE_OPTION_TYPE_ALIASES,
    LOOSE_POSITION_ALIASES,
    OPTION_TYPE_ALIASES,
    POSITION_ALIASES,
    POSITION_WORDS,
    PREVIOUS_POSITION_ALIASES,
    PUT_WORDS,
    QUALIFIERS,
    SHORT,
    SHORT_WORDS,
    STRICT_EXIT_WORDS,
    Weight,
)

# What a source may say of a sell that nothing else explains.
ENTRY_SHORT = "entry_short"
BARE_SELL_EXIT = "exit"
_OPTION_TYPES = in_order(sorted(OPTION_TYPE_ALIASES))
OPENING = "OPENING"
_PLAIN_ORDERS = frozenset(
    {
        "buy", "sell", "bto", "buytoopen", "buymarket", "marketbuy", "buylimit", "limitbuy", "sellmarket", "marketsell",
        "selllimit", "limitsell",
    }
)  # fmt: skip
_RAISED, _LOWERED = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_DIRECTION_NAMES = in_order((*DIRECTION_ALIASES, *DIRECTION_FLAGS))
_EVIDENCE = in_order(sorted(EFFECT_ALIASES | CLOSING_FLAGS.keys() | OPENING_FLAGS | EXIT_REASON_ALIASES))


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
            raised = text in _RAISED and not (field.alias in LITERAL_FLAGS and text == "1")
            meaning = CLOSING_FLAGS[field.alias] if raised else None
        elif field.alias in OPENING_FLAGS:
            meaning = OPENING if text in _RAISED else "EXIT" if text in _LOWERED else None
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


def _word(field: Field) -> Word | None:
    """What the field says, None when it is no direction and need not be one."""
    if field.alias in DIRECTION_FLAGS:
        raised = str(field.value).strip().lower() in _RAISED
        return _make_word(field, DIRECTION_FLAGS[field.alias], Weight.STRICT, is_order=True) if raised else None
    weight, is_order = DIRECTION_ALIASES[field.alias]
    if field.alias in HEDGE_NUMBERS:
        side = HEDGE_NUMBERS[field.alias].get(str(field.value).strip())
        return _make_word(field, side, weight, is_order=is_order) if side else None
    if not isinstance(field.value, str):
        if weight is Weight.STRICT:
            raise DomainError(
                "direction_type",
                f"{field.name} must be text, not {shown(field.value)}; {ALLOWED}.",
                field.pointer,
            )
        return None
    text = compact(field.value.strip())
    if text in LONG_WORDS or text in SHORT_WORDS:
        return _make_word(field, text, weight, is_order=is_order)
    exit_word = _bare(text)
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


def _bare(text: str) -> str:
    """The compact text without the number that targets often have: TP1, TP2."""
    return compact(text.strip()).rstrip("0123456789")


def _make_word(field: Field, text: str, weight: Weight, *, is_order: bool) -> Word:
    meaning = LONG if text in LONG_WORDS else SHORT
    return Word(field, meaning, weight, is_order, is_plain_order=text in _PLAIN_ORDERS)


_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?")
_TEXTS = in_order(sorted(ORDER_TEXT_ALIASES | WEAK_ORDER_TEXT_ALIASES))
_SENTENCES = in_order(sorted(SENTENCE_ALIASES))
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
    sentences = [field for field in fields.among(_SENTENCES) if isinstance(field.value, str)]
    own = next((field for field in (*texts, *sentences) if _OWN_TEXT.match(field.value)), None)
    if own is not None:
        return Word(own, "EXIT")
    alone = next((field for field in sentences if _bare(field.value) in EXIT_WORDS), None)
    if alone is not None and not is_opening:
        return Word(alone, "EXIT")
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


@dataclass(frozen=True, slots=True)
class DirectionReading:
    """LONG or SHORT, or an intent such as EXIT_LONG, REDUCE_SHORT, CANCEL or UNCHANGED.

    ``fields`` hold the direction itself, and engines get it as a field of the signal; ``decided_by`` are all
    that made it what it is. ``by_source`` says that the source's meaning of a bare sell decided.
    """

    value: str
    fields: tuple[Field, ...] = ()
    decided_by: tuple[Field, ...] = ()
    by_source: bool = False

    @property
    def is_entry(self) -> bool:
        """Whether this opens or adds to a position, so that it can be a signal."""
        return self.value in {LONG, SHORT}

    @property
    def why(self) -> str:
        """What decided, as the words of a sentence."""
        said = " and ".join(f"{field.name} is {shown(field.value)}" for field in self.decided_by)
        return f"{said}, and this source takes a bare sell for an exit" if self.by_source else said


class _Decided(NamedTuple):
    value: str
    by: tuple[Field, ...]


def read_direction(fields: Fields, bare_sell: str = ENTRY_SHORT) -> DirectionReading:
    """The direction or the exit intent, or raise DomainError when there is none or no single one.

    In order: (1) a change of position outranks the order that made it; (2) an exit told by a word, a flag, a
    size or the order's text makes it an exit; (3) all direction words must agree; (4) a bare sell is what the
    source says.
    """
    words = read_words(fields)
    entries = [word for word in words if word.is_entry]
    current, previous = read_position(fields, POSITION_ALIASES), read_position(fields, PREVIOUS_POSITION_ALIASES)
    directions = {word.meaning for word in entries}
    size = from_sizes(fields, directions.pop() if len(directions) == 1 else None, previous, current)
    # What flags, effects and sizes say beside the words of direction.
    told = [*read_effects(fields), *([size] if size else [])]
    words += [word for word in told if word.meaning != OPENING]
    # Exits first: a buy that closes a short must not open a long.
    decided = _from_positions(previous, current, words) or _exit_intent(words) or _hedged(words) or _agreed(words)
    is_opening = current is not None or previous is not None or any(word.meaning == OPENING for word in told)
    if current is None and (decided is None or decided.value in {LONG, SHORT}):
        text = from_texts(fields, decided and decided.value, is_opening=is_opening)
        is_opening = is_opening or text is not None
        if text is not None and text.meaning != OPENING:
            decided = _exit_intent([*words, text])
    if decided is None:
        raise _no_direction(fields)
    if decided.value not in {LONG, SHORT}:
        return DirectionReading(decided.value, decided_by=decided.by)
    others = [word.field for word in words if not word.is_order and word.meaning != decided.value]
    if current is not None and others:
        raise conflict("conflicting_direction", others[0], current.field)
    is_plain = bool(entries) and all(word.is_plain_order for word in entries)
    if is_plain and decided.value == SHORT and not is_opening and bare_sell == BARE_SELL_EXIT:
        return DirectionReading("EXIT_LONG", decided_by=decided.by, by_source=True)
    # The strongest words gave the direction; weaker ones stay data for the engines.
    by_weight = [
        tuple(word.field for word in words if word.weight is weight and word.meaning == decided.value)
        for weight in Weight
    ]
    given = next(filter(None, by_weight), (current.field,) if current else ())
    option = _option(decided.value, fields) if is_plain else _Decided(decided.value, ())
    return DirectionReading(option.value, given, decided.by + option.by)


def _no_direction(fields: Fields) -> DomainError:
    named = [field for field in fields.find(DIRECTION_ALIASES) if isinstance(field.value, str)]
    promising = [field for field in named if DIRECTION_ALIASES[field.alias].weight is not Weight.WORD]
    if promising:
        return invalid_direction(promising[0])
    return DomainError("direction_missing", f'The alert has no direction; add "direction" and {ALLOWED}.', "/direction")


def _from_positions(previous: Position | None, current: Position | None, words: list[Word]) -> _Decided | None:
    """What the positions say, None when they leave it to the words."""
    if current is not None:
        by = (previous.field, current.field) if previous else (current.field,)
        if current.side == FLAT:
            if previous is not None:
                return _Decided("UNCHANGED" if previous.side == FLAT else f"EXIT_{previous.side}", by)
            closed = {LONG: "EXIT_SHORT", SHORT: "EXIT_LONG"}
            order = _order(words)
            return _exit_intent(words) or _Decided(closed[order.value] if order else FLAT, by)
        if previous is not None and previous.side != current.side:
            return _Decided(current.side, by)
        # An order inside a position: the same way adds, which is an opportunity; the other way reduces.
        intent = _exit_intent(words)
        if intent is not None:
            return intent
        order = _order(words)
        if order is not None and order.value != current.side:
            return _Decided(f"REDUCE_{current.side}", order.by + by)
        is_add = previous is None or any(word.is_entry for word in words)
        return _Decided(current.side if is_add else "UNCHANGED", by)
    if previous is not None and previous.side != FLAT and _exit_intent(words) is None:
        against = [word.field for word in words if word.meaning != previous.side]
        if against:
            raise DomainError(
                "conflicting_direction",
                f"{against[0].name} is {shown(against[0].value)} while {previous.field.name} is "
                f"{shown(previous.field.value)}: this closes or reverses the position; "
                "add market_position to say which.",
                against[0].pointer,
            )
    return None


def _order(words: list[Word]) -> _Decided | None:
    """The direction of the order words, None without one; raise when two differ."""
    return _agreed([word for word in words if word.is_order and word.is_entry])


def _exit_intent(words: list[Word]) -> _Decided | None:
    """What the exit words say, with the side filled in from the other words; None without one."""
    exits = [word for word in words if not word.is_entry]
    if not exits:
        return None
    # A named side ("reduce_long") says more than a bare word.
    strongest = max(exits, key=lambda word: (word.meaning.endswith(("_LONG", "_SHORT")), word.meaning))
    intent, by = strongest.meaning, (strongest.field,)
    if intent not in {"EXIT", FLAT, "REDUCE"}:
        return _Decided(intent, by)
    # Selling closes a long, but "side": "long" names the long itself.
    other = {LONG: SHORT, SHORT: LONG}
    is_other = strongest.field.alias not in POSITION_EFFECTS
    sides = {
        other[word.meaning] if word.is_plain_order and is_other else word.meaning for word in words if word.is_entry
    }
    named = f"{'REDUCE' if intent == 'REDUCE' else 'EXIT'}_{sides.pop()}" if len(sides) == 1 else intent
    return _Decided(named, by)


def _hedged(words: list[Word]) -> _Decided | None:
    """The exit that an order against its own position in hedge mode is; None when there is none."""
    held = [word for word in words if word.field.alias.rpartition(".")[2] in HEDGE_ALIASES]
    for word in words:
        if word.is_plain_order and held and word.meaning != held[0].meaning:
            return _Decided(f"EXIT_{held[0].meaning}", (word.field, held[0].field))
    return None


def _agreed(words: list[Word]) -> _Decided | None:
    """The one direction of these words, None without any; raise when two differ."""
    for word in words[1:]:
        if word.meaning != words[0].meaning:
            same_name = word.field.alias == words[0].field.alias
            code = "conflicting_alias" if same_name else "conflicting_direction"
            raise conflict(code, words[0].field, word.field)
    return _Decided(words[0].meaning, tuple(word.field for word in words)) if words else None


def _option(value: str, fields: Fields) -> _Decided:
    """What buying or selling means for the underlying; the order itself says it when the alert names no option.

    A bought call rises with the underlying and a bought put against it. Raise for one that is sold: that opens a
    position or closes a bought one.
    """
    for field in fields.among(_OPTION_TYPES):
        text = str(field.value).strip().lower()
        if value == LONG and text in CALL_WORDS:
            return _Decided(LONG, (field,))
        if value == LONG and text in PUT_WORDS:
            return _Decided(SHORT, (field,))
        is_known = text in CALL_WORDS or text in PUT_WORDS
        if is_known or field.alias not in LOOSE_OPTION_TYPE_ALIASES:
            raise DomainError(
                "conflicting_direction" if is_known else "direction_invalid",
                f"{field.name} is {shown(field.value)}, so buying or selling says nothing about the underlying; "
                'send "direction" with "long" or "short" for the underlying.',
                field.pointer,
            )
    return _Decided(value, ())
