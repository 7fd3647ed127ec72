"""Reading the direction of an alert: LONG, SHORT, or an exit that makes no signal.

Pure: no I/O, no clock, no randomness. Nothing is guessed: what contradicts itself is refused, and
what ends or shrinks a position is never taken for an entry the other way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members, compact, conflict, read_agreeing, refuse_placeholder, shown
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
    members: tuple[Member, ...] = ()

    @property
    def is_entry(self) -> bool:
        """Tell whether this opens or adds to a position, so that it can be a signal."""
        return self.value in {LONG, SHORT}


@dataclass(frozen=True, slots=True)
class _Word:
    """What one member says: LONG, SHORT or an exit intent."""

    member: Member
    meaning: str
    weight: Weight
    is_order: bool
    is_plain_order: bool

    @property
    def is_entry(self) -> bool:
        return self.meaning in {LONG, SHORT}


@dataclass(frozen=True, slots=True)
class _Position:
    member: Member
    side: str


def read_direction(members: Members) -> DirectionReading:
    """Return the direction or the exit intent, or raise AlertError when there is none or no single one.

    In order: (1) a change of position outranks the order that made it; (2) an exit word anywhere
    makes it an exit; (3) all direction words must agree.
    """
    words = _words(members)
    current = _position(members, POSITION_ALIASES)
    previous = _position(members, PREVIOUS_POSITION_ALIASES)
    value = _from_positions(previous, current, words)
    if value is None:
        value = _exit_intent(words) or _agreed(words)
    if value is None:
        raise _missing(members)
    if value not in {LONG, SHORT}:
        return DirectionReading(value)
    _refuse_contradiction(value, current, words)
    _refuse_ambiguous_option(value, members, words)
    return DirectionReading(value, _source_of(words, value, current))


def _words(members: Members) -> list[_Word]:
    words = [word for member in members.find(DIRECTION_ALIASES) if (word := _word(member))]
    flags = [member for member in members.find(DIRECTION_FLAGS) if _is_raised(member)]
    return words + [_make_word(member, DIRECTION_FLAGS[member.alias], Weight.STRICT, is_order=True) for member in flags]


def _is_raised(flag: Member) -> bool:
    return str(flag.value).strip().lower() in {"true", "1", "yes"}


def _word(member: Member) -> _Word | None:
    """Return what the member says, None when it is no direction and need not be one."""
    weight, is_order = DIRECTION_ALIASES[member.alias]
    if not isinstance(member.value, str):
        if weight is Weight.STRICT:
            raise AlertError(
                "direction_type", f"{member.name} must be text, not {shown(member.value)}; {_ALLOWED}.", member.name
            )
        return None
    text = compact(member.value.strip())
    if text in LONG_WORDS or text in SHORT_WORDS or _is_exit(text, member):
        return _make_word(member, text, weight, is_order=is_order)
    if weight is not Weight.WORD:
        refuse_placeholder(member)
    if text in AMBIGUOUS_WORDS:
        raise AlertError(
            "direction_invalid",
            f"{member.name} is {shown(member.value)}, which is ambiguous: {AMBIGUOUS_WORDS[text]}; "
            'send "direction" with "long" or "short" for the underlying.',
            member.name,
        )
    if weight is Weight.STRICT and text not in QUALIFIERS:
        raise _invalid(member)
    return None


def _is_exit(text: str, member: Member) -> bool:
    return text in EXIT_WORDS and member.alias not in DESCRIPTION_ALIASES


def _make_word(member: Member, text: str, weight: Weight, *, is_order: bool) -> _Word:
    meaning = LONG if text in LONG_WORDS else SHORT if text in SHORT_WORDS else EXIT_WORDS[text]
    return _Word(member, meaning, weight, is_order, is_plain_order=text in {"buy", "sell"})


def _position(members: Members, aliases: Iterable[str]) -> _Position | None:
    found = [member for member in members.find(aliases) if isinstance(member.value, str)]
    for member in found:
        refuse_placeholder(member)
        if member.alias not in LOOSE_POSITION_ALIASES and compact(member.value.strip()) not in POSITION_WORDS:
            raise AlertError(
                "direction_invalid",
                f'{member.name} is {shown(member.value)}; send "long", "short" or "flat".',
                member.name,
            )
    known = [member for member in found if compact(member.value.strip()) in POSITION_WORDS]
    reading = read_agreeing(known, lambda member: POSITION_WORDS[compact(member.value.strip())])
    return _Position(reading.members[0], reading.value) if reading else None


def _from_positions(previous: _Position | None, current: _Position | None, words: list[_Word]) -> str | None:
    """Return what the positions say, None when they leave it to the words."""
    if current is not None:
        if current.side == FLAT:
            return _exit_to_flat(previous, words)
        if previous is not None and previous.side != current.side:
            _refuse_exit_word(words, current)
            return current.side
        return _within_position(current, previous, words)
    if previous is not None and previous.side != FLAT:
        _refuse_unknown_end(previous, words)
    return None


def _exit_to_flat(previous: _Position | None, words: list[_Word]) -> str:
    if previous is not None:
        return "UNCHANGED" if previous.side == FLAT else f"EXIT_{previous.side}"
    return _exit_intent(words) or _closing(FLAT, _order(words))


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
    """Return the direction of the order words, None without one; raise when two differ."""
    return _agreed([word for word in words if word.is_order and word.is_entry])


def _exit_intent(words: list[_Word]) -> str | None:
    """Return what the exit words say, with the side filled in from the other words; None without one."""
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
    """Return the side that is closed: selling closes a long, but "side": "long" names the long itself."""
    if word.is_plain_order:
        return SHORT if word.meaning == LONG else LONG
    return word.meaning


def _closing(intent: str, order: str | None) -> str:
    return {LONG: "EXIT_SHORT", SHORT: "EXIT_LONG"}.get(order or "", intent)


def _agreed(words: list[_Word]) -> str | None:
    """Return the one direction of these words, None without any; raise when two differ."""
    for word in words[1:]:
        if word.meaning != words[0].meaning:
            same_name = word.member.alias == words[0].member.alias
            code = "conflicting_alias" if same_name else "conflicting_direction"
            raise conflict(code, words[0].member, word.member)
    return words[0].meaning if words else None


def _refuse_exit_word(words: list[_Word], current: _Position) -> None:
    for word in words:
        if not word.is_entry:
            raise conflict("conflicting_direction", word.member, current.member)


def _refuse_unknown_end(previous: _Position, words: list[_Word]) -> None:
    """Raise when an order goes against the previous position: it could close it or reverse it."""
    if _exit_intent(words) is None:
        for word in words:
            if word.meaning != previous.side:
                raise AlertError(
                    "conflicting_direction",
                    f"{word.member.name} is {shown(word.member.value)} while {previous.member.name} is "
                    f"{shown(previous.member.value)}: this closes or reverses; add market_position to say which.",
                    word.member.name,
                )


def _refuse_contradiction(value: str, current: _Position | None, words: list[_Word]) -> None:
    """Raise when a member that is no order says the opposite of what the positions say."""
    if current is not None:
        for word in words:
            if not word.is_order and word.meaning != value:
                raise conflict("conflicting_direction", word.member, current.member)


def _refuse_ambiguous_option(value: str, members: Members, words: list[_Word]) -> None:
    """Raise when an option type makes "buy" or "sell" say nothing about the underlying."""
    if any(not word.is_plain_order for word in words):
        return
    for member in members.find(OPTION_TYPE_ALIASES):
        bought_call = value == LONG and str(member.value).strip().lower() in {"call", "c"}
        if not bought_call:
            raise AlertError(
                "direction_invalid",
                f"{member.name} is {shown(member.value)}, so buying or selling says nothing about the underlying; "
                'send "direction" with "long" or "short" for the underlying.',
                member.name,
            )


def _source_of(words: list[_Word], value: str, current: _Position | None) -> tuple[Member, ...]:
    """Return the members the direction was taken from; weaker ones stay data for the engines."""
    for weight in Weight:
        members = tuple(word.member for word in words if word.weight is weight and word.meaning == value)
        if members:
            return members
    return (current.member,) if current else ()


def _missing(members: Members) -> AlertError:
    for member in members.find(DIRECTION_ALIASES):
        if DIRECTION_ALIASES[member.alias].weight is not Weight.WORD and isinstance(member.value, str):
            return _invalid(member)
    return AlertError(
        "direction_missing", f'The alert names no direction; add "direction" and {_ALLOWED}.', "direction"
    )


def _invalid(member: Member) -> AlertError:
    return AlertError(
        "direction_invalid", f"{member.name} is {shown(member.value)}, which is no direction; {_ALLOWED}.", member.name
    )
