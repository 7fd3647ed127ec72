"""Reading the direction of an alert: LONG, SHORT, or an exit that creates no signal.

Nothing is guessed: what contradicts itself is refused, and what ends or shrinks a position is never
taken for an entry the other way, however the alert tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from kernel.errors import DomainError
from signals_app.alerts.fields import Field, Fields, conflict, in_order, shown
from signals_app.alerts.vocabulary import (
    CALL_WORDS,
    DIRECTION_ALIASES,
    FLAT,
    LONG,
    LOOSE_OPTION_TYPE_ALIASES,
    OPTION_TYPE_ALIASES,
    POSITION_ALIASES,
    PREVIOUS_POSITION_ALIASES,
    PUT_WORDS,
    SHORT,
    Weight,
)
from signals_app.alerts.words import (
    ALLOWED,
    OPENING,
    Position,
    Word,
    from_sizes,
    from_texts,
    invalid_direction,
    read_effects,
    read_position,
    read_words,
)

# What a source may say of a sell that nothing else explains.
ENTRY_SHORT = "entry_short"
BARE_SELL_EXIT = "exit"
_OPTION_TYPES = in_order(sorted(OPTION_TYPE_ALIASES))


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
    told = _told(fields, entries, previous, current)
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


def _told(fields: Fields, entries: list[Word], previous: Position | None, current: Position | None) -> list[Word]:
    """What flags, effects and sizes say beside the words of direction."""
    directions = {word.meaning for word in entries}
    size = from_sizes(fields, directions.pop() if len(directions) == 1 else None, previous, current)
    effects = read_effects(fields)
    return [*effects, size] if size else effects


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
    sides = {other[word.meaning] if word.is_plain_order else word.meaning for word in words if word.is_entry}
    named = f"{'REDUCE' if intent == 'REDUCE' else 'EXIT'}_{sides.pop()}" if len(sides) == 1 else intent
    return _Decided(named, by)


def _hedged(words: list[Word]) -> _Decided | None:
    """The exit that an order against its own position in hedge mode is; None when there is none."""
    held = [word for word in words if word.field.alias.rpartition(".")[2] in {"positionside", "posside", "holdside"}]
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
