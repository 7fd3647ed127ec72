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
    words = [word for field in fields.find((*DIRECTION_ALIASES, *DIRECTION_FLAGS)) if (word := _word(field))]
    current = _position(fields, POSITION_ALIASES)
    previous = _position(fields, PREVIOUS_POSITION_ALIASES)
    value = _from_positions(previous, current, words)
    if value is None:
        # Exit words first: a buy that closes a short must not open a long.
        value = _exit_intent(words) or _agreed(words)
    if value is None:
        named = [field for field in fields.find(DIRECTION_ALIASES) if isinstance(field.value, str)]
        promising = [field for field in named if DIRECTION_ALIASES[field.alias].weight is not Weight.WORD]
        if promising:
            raise _invalid(promising[0])
        detail = f'The alert has no direction; add "direction" and {_ALLOWED}.'
        raise DomainError("direction_missing", detail, "/direction")
    if value not in {LONG, SHORT}:
        return DirectionReading(value)
    others = [word for word in words if not word.is_order and word.meaning != value]
    if current is not None and others:
        raise conflict("conflicting_direction", others[0].field, current.field)
    _refuse_ambiguous_option(value, fields, words)
    # The strongest words gave the direction; weaker ones stay data for the engines.
    by_weight = [tuple(w.field for w in words if w.weight is weight and w.meaning == value) for weight in Weight]
    of_position = (current.field,) if current else ()
    return DirectionReading(value, next(filter(None, by_weight), of_position))


def _word(field: Field) -> _Word | None:
    """What the field says, None when it is no direction and need not be one."""
    if field.alias in DIRECTION_FLAGS:
        raised = str(field.value).strip().lower() in {"true", "1", "yes"}
        return _make_word(field, DIRECTION_FLAGS[field.alias], Weight.STRICT, is_order=True) if raised else None
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
            exits = [word for word in words if not word.is_entry]
            if exits:
                raise conflict("conflicting_direction", exits[0].field, current.field)
            return current.side
        # An order inside a position: the same way adds, which is an opportunity; the other way reduces.
        intent = _exit_intent(words)
        if intent is not None:
            return intent
        order = _order(words)
        if order is not None and order != current.side:
            return f"REDUCE_{current.side}"
        is_add = previous is None or any(word.is_entry for word in words)
        return current.side if is_add else "UNCHANGED"
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
    # Selling closes a long, but "side": "long" names the long itself.
    other = {LONG: SHORT, SHORT: LONG}
    sides = {other[word.meaning] if word.is_plain_order else word.meaning for word in words if word.is_entry}
    return f"{'REDUCE' if intent == 'REDUCE' else 'EXIT'}_{sides.pop()}" if len(sides) == 1 else intent


def _agreed(words: list[_Word]) -> str | None:
    """The one direction of these words, None without any; raise when two differ."""
    for word in words[1:]:
        if word.meaning != words[0].meaning:
            same_name = word.field.alias == words[0].field.alias
            code = "conflicting_alias" if same_name else "conflicting_direction"
            raise conflict(code, words[0].field, word.field)
    return words[0].meaning if words else None


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


def _invalid(field: Field) -> DomainError:
    return DomainError(
        "direction_invalid",
        f"{field.name} is {shown(field.value)}, which is not a direction; {_ALLOWED}.",
        field.pointer,
    )
