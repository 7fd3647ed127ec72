"""Reading the direction of an alert: LONG, SHORT, or an exit that creates no signal.

Nothing is guessed: what contradicts itself is refused, and what ends or shrinks a position is never
taken for an entry the other way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kernel.errors import DomainError
from signals_app.alerts.fields import Field, Fields, compact, conflict, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import (
    AMBIGUOUS_WORDS,
    DESCRIPTION_ALIASES,
    DIRECTION_ALIASES,
    DIRECTION_FLAGS,
    EXIT_WORDS,
    FLAT,
    LONG,
    LONG_WORDS,
    LOOSE_POSITION_ALIASES,
    OPTION_TYPE_ALIASES,
    POSITION_ALIASES,
    POSITION_WORDS,
    PREVIOUS_POSITION_ALIASES,
    QUALIFIERS,
    SHORT,
    SHORT_WORDS,
    Weight,
)

_ALLOWED = 'send "long" or "short", or "buy" or "sell"'


@dataclass(frozen=True, slots=True)
class DirectionReading:
    """LONG or SHORT, or an intent such as EXIT_LONG, REDUCE_SHORT, CANCEL or UNCHANGED."""

    value: str
    fields: tuple[Field, ...] = ()

    @property
    def is_entry(self) -> bool:
        """Whether this opens or adds to a position, so that it can be a signal."""
        return self.value in {LONG, SHORT}


@dataclass(frozen=True, slots=True)
class _Word:
    """What one field says: LONG, SHORT or an exit intent."""

    field: Field
    meaning: str
    weight: Weight
    is_order: bool
    is_plain_order: bool

    @property
    def is_entry(self) -> bool:
        return self.meaning in {LONG, SHORT}


@dataclass(frozen=True, slots=True)
class _Position:
    field: Field
    side: str


def read_direction(fields: Fields) -> DirectionReading:
    """The direction or the exit intent, or raise DomainError when there is none or no single one.

    In order: (1) a change of position outranks the order that made it; (2) an exit word anywhere
    makes it an exit; (3) all direction words must agree.
    """
    words = _words(fields)
    current = _position(fields, POSITION_ALIASES)
    previous = _position(fields, PREVIOUS_POSITION_ALIASES)
    value = _from_positions(previous, current, words)
    if value is None:
        value = _exit_intent(words) or _agreed(words)
    if value is None:
        raise _missing(fields)
    if value not in {LONG, SHORT}:
        return DirectionReading(value)
    _refuse_contradiction(value, current, words)
    _refuse_ambiguous_option(value, fields, words)
    return DirectionReading(value, _source_of(words, value, current))


def _words(fields: Fields) -> list[_Word]:
    words = [word for field in fields.find(DIRECTION_ALIASES) if (word := _word(field))]
    raised = {"true", "1", "yes"}
    flags = [field for field in fields.find(DIRECTION_FLAGS) if str(field.value).strip().lower() in raised]
    return words + [_make_word(field, DIRECTION_FLAGS[field.alias], Weight.STRICT, is_order=True) for field in flags]


def _word(field: Field) -> _Word | None:
    """What the field says, None when it is no direction and need not be one."""
    weight, is_order = DIRECTION_ALIASES[field.alias]
    if not isinstance(field.value, str):
        if weight is Weight.STRICT:
            raise DomainError(
                "direction_type", f"{field.name} must be text, not {shown(field.value)}; {_ALLOWED}.", field.pointer
            )
        return None
    text = compact(field.value.strip())
    is_exit = text in EXIT_WORDS and field.alias not in DESCRIPTION_ALIASES
    if text in LONG_WORDS or text in SHORT_WORDS or is_exit:
        return _make_word(field, text, weight, is_order=is_order)
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
        raise _invalid(field)
    return None


def _make_word(field: Field, text: str, weight: Weight, *, is_order: bool) -> _Word:
    meaning = LONG if text in LONG_WORDS else SHORT if text in SHORT_WORDS else EXIT_WORDS[text]
    return _Word(field, meaning, weight, is_order, is_plain_order=text in {"buy", "sell"})


def _position(fields: Fields, aliases: Iterable[str]) -> _Position | None:
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
    return _Position(reading.fields[0], reading.value) if reading else None


def _from_positions(previous: _Position | None, current: _Position | None, words: list[_Word]) -> str | None:
    """What the positions say, None when they leave it to the words."""
    if current is not None:
        if current.side == FLAT:
            if previous is not None:
                return "UNCHANGED" if previous.side == FLAT else f"EXIT_{previous.side}"
            closed = {LONG: "EXIT_SHORT", SHORT: "EXIT_LONG"}
            return _exit_intent(words) or closed.get(_order(words) or "", FLAT)
        if previous is not None and previous.side != current.side:
            for word in words:
                if not word.is_entry:
                    raise conflict("conflicting_direction", word.field, current.field)
            return current.side
        return _within_position(current, previous, words)
    if previous is not None and previous.side != FLAT:
        _refuse_unknown_end(previous, words)
    return None


def _within_position(current: _Position, previous: _Position | None, words: list[_Word]) -> str | None:
    """Judge an order inside a position: the same way adds, which is an opportunity; the other way reduces."""
    intent = _exit_intent(words)
    if intent is not None:
        return intent
    order = _order(words)
    if order is not None and order != current.side:
        return f"REDUCE_{current.side}"
    if any(word.is_entry for word in words):
        return current.side
    return "UNCHANGED" if previous is not None else current.side


def _order(words: list[_Word]) -> str | None:
    """The direction of the order words, None without one; raise when two differ."""
    return _agreed([word for word in words if word.is_order and word.is_entry])


def _exit_intent(words: list[_Word]) -> str | None:
    """What the exit words say, with the side filled in from the other words; None without one."""
    intents = [word.meaning for word in words if not word.is_entry]
    if not intents:
        return None
    # A named side ("reduce_long") says more than a bare word.
    intent = max(intents, key=lambda text: (text.endswith(("_LONG", "_SHORT")), text))
    if intent not in {"EXIT", FLAT, "REDUCE"}:
        return intent
    entries = [word for word in words if word.is_entry]
    sides = {_closed_side(word) for word in entries}
    return f"{'REDUCE' if intent == 'REDUCE' else 'EXIT'}_{sides.pop()}" if len(sides) == 1 else intent


def _closed_side(word: _Word) -> str:
    """The side that is closed: selling closes a long, but "side": "long" names the long itself."""
    if word.is_plain_order:
        return SHORT if word.meaning == LONG else LONG
    return word.meaning


def _agreed(words: list[_Word]) -> str | None:
    """The one direction of these words, None without any; raise when two differ."""
    for word in words[1:]:
        if word.meaning != words[0].meaning:
            same_name = word.field.alias == words[0].field.alias
            code = "conflicting_alias" if same_name else "conflicting_direction"
            raise conflict(code, words[0].field, word.field)
    return words[0].meaning if words else None


def _refuse_unknown_end(previous: _Position, words: list[_Word]) -> None:
    """Raise when an order goes against the previous position: it could close it or reverse it."""
    if _exit_intent(words) is None:
        for word in words:
            if word.meaning != previous.side:
                raise DomainError(
                    "conflicting_direction",
                    f"{word.field.name} is {shown(word.field.value)} while {previous.field.name} is "
                    f"{shown(previous.field.value)}: this closes or reverses the position; "
                    "add market_position to say which.",
                    word.field.pointer,
                )


def _refuse_contradiction(value: str, current: _Position | None, words: list[_Word]) -> None:
    """Raise when a field that is no order says the opposite of what the positions say."""
    if current is not None:
        for word in words:
            if not word.is_order and word.meaning != value:
                raise conflict("conflicting_direction", word.field, current.field)


def _refuse_ambiguous_option(value: str, fields: Fields, words: list[_Word]) -> None:
    """Raise when an option type makes "buy" or "sell" say nothing about the underlying."""
    if any(not word.is_plain_order for word in words):
        return
    for field in fields.find(OPTION_TYPE_ALIASES):
        bought_call = value == LONG and str(field.value).strip().lower() in {"call", "c"}
        if not bought_call:
            raise DomainError(
                "direction_invalid",
                f"{field.name} is {shown(field.value)}, so buying or selling says nothing about the underlying; "
                'send "direction" with "long" or "short" for the underlying.',
                field.pointer,
            )


def _source_of(words: list[_Word], value: str, current: _Position | None) -> tuple[Field, ...]:
    """The fields the direction was taken from; weaker ones stay data for the engines."""
    for weight in Weight:
        fields = tuple(word.field for word in words if word.weight is weight and word.meaning == value)
        if fields:
            return fields
    return (current.field,) if current else ()


def _missing(fields: Fields) -> DomainError:
    for field in fields.find(DIRECTION_ALIASES):
        if DIRECTION_ALIASES[field.alias].weight is not Weight.WORD and isinstance(field.value, str):
            return _invalid(field)
    return DomainError(
        "direction_missing", f'The alert has no direction; add "direction" and {_ALLOWED}.', "/direction"
    )


def _invalid(field: Field) -> DomainError:
    return DomainError(
        "direction_invalid",
        f"{field.name} is {shown(field.value)}, which is not a direction; {_ALLOWED}.",
        field.pointer,
    )
