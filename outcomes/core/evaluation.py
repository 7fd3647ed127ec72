"""What an evaluation fixes before its data exist, and which signals it compares (contract 8.2).

Nothing in it can be chosen by its result: the plan has a content hash before the first signal arrives, and a signal
takes part by what was decided of it, never by what became of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.values import decimal_text, format_timestamp, parse_instant, plain_text, whole_number
from outcomes.core.blocks import role_weight
from outcomes.core.evidence import Wager
from outcomes.core.judging import Cut
from outcomes.core.slices import read_slices
from policies.core.rules import configured_shadow_only

ALPHA = Decimal("0.05")
WALL, EVENT = "WALL", "EVENT"
R, CURRENCY = "R", "CURRENCY"
SYNCHRONISED, OWN_EXIT = "SYNCHRONISED", "OWN_EXIT"
NEUTRAL, ENGINES = "NEUTRAL", "ENGINES"
CHOICES = {
    "clock": (WALL, EVENT),
    "metric": (R, CURRENCY),
    "estimand": (SYNCHRONISED, OWN_EXIT),
    "prices": (NEUTRAL, ENGINES),
}
# Blocks are stretches of these dates: the session of US options.
BLOCK_ZONE = ZoneInfo("America/New_York")
MAX_BLOCK_DAYS = 91
MAX_NAME, MAX_TEXT = 80, 2000
# With fewer earlier blocks the history says too little of how bad one can be.
ENOUGH_HISTORY = 60
# Splits beyond these leave one role too few signals: a weight of five and more for each of them.
LEAST_SPLIT, MOST_SPLIT = Decimal(10), Decimal(90)
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """Everything that is fixed. Amounts are in the metric: R, or the policy's currency.

    `worst_block` is the worst block thought possible, `margin` the difference per signal that counts as none (0: not
    asked). `starts_at` None: from its start. `max_signals` None: all of a block. `busy_signals` are those of a busy
    block, said where there is no history to tell; `reason` says why `worst_block` is smaller than the rule asks.
    `slices` are judged beside the whole (`outcomes.core.slices`).
    """

    name: str
    note: str
    clock: str
    starts_at: datetime | None
    metric: str
    estimand: str
    prices: str
    block_days: int
    max_hold_days: int
    worst_block: Decimal
    margin: Decimal
    horizon_blocks: int
    max_signals: int | None = None
    busy_signals: int | None = None
    reason: str = ""
    slices: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The content as hashed and shown; amounts and times as text."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        return document | {
            "starts_at": None if self.starts_at is None else format_timestamp(self.starts_at),
            "worst_block": decimal_text(self.worst_block),
            "margin": decimal_text(self.margin),
            "alpha": decimal_text(ALPHA),
            "slices": list(self.slices),
        }

    def content_hash(self) -> str:
        """SHA-256 of the content; what is approved, shown and cited."""
        return document_hash(self.document())

    @property
    def wager(self) -> Wager:
        """The terms of the bet."""
        return Wager(float(self.worst_block), float(self.margin), float(ALPHA), self.horizon_blocks)

    @property
    def slice_wager(self) -> Wager:
        """The terms of the bet on each slice: the error rate is shared by all."""
        return replace(self.wager, alpha=float(ALPHA) / max(1, len(self.slices)))

    def cut(self, starts_on: date) -> Cut:
        """How signals are cut into blocks from this New York date on."""
        return Cut(starts_on, self.block_days, self.metric, self.max_signals)


def read_plan(document: Any) -> EvaluationPlan:
    """The plan that a document, a form or the options of a command describe; numbers may be text.

    Raises DomainError `invalid_evaluation`, with a pointer to the member that is wrong.
    """
    names = [field.name for field in fields(EvaluationPlan)]
    if not isinstance(document, Mapping):
        raise DomainError("invalid_evaluation", f"Expected an object with {', '.join(names)}.")
    unknown = sorted(set(document) - {*names, "alpha"})
    if unknown:
        _refuse(unknown[0], f"Unknown field; the fields are {', '.join(names)}.")
    if str(document.get("alpha", ALPHA)) != str(ALPHA):
        _refuse("alpha", f"Is always {ALPHA}.")
    given = {name: document.get(name) for name in names}
    plan = EvaluationPlan(
        name=_text(given, "name", MAX_NAME),
        note=_text(given, "note", MAX_TEXT),
        starts_at=_instant(given, "starts_at"),
        **{name: _choice(given, name, allowed) for name, allowed in CHOICES.items()},
        block_days=_whole(given, "block_days", 1, MAX_BLOCK_DAYS),
        max_hold_days=_whole(given, "max_hold_days", 0, MAX_BLOCK_DAYS),
        worst_block=_amount(given, "worst_block"),
        margin=_amount(given, "margin", default=Decimal(0)),
        horizon_blocks=_whole(given, "horizon_blocks", 1, 100_000),
        max_signals=None if given["max_signals"] in (None, "") else _whole(given, "max_signals", 1, 1_000_000),
        busy_signals=None if given["busy_signals"] in (None, "") else _whole(given, "busy_signals", 1, 1_000_000),
        reason=str(given["reason"] or "").strip()[:MAX_TEXT],
        slices=_slices(given),
    )
    if set(plan.name) - _NAME_CHARACTERS:
        _refuse("name", "Use letters, digits, hyphens, underscores and dots.")
    if plan.block_days < 2 * plan.max_hold_days:
        _refuse("block_days", f"Must be at least twice max_hold_days: {2 * plan.max_hold_days} days or more.")
    if plan.worst_block == 0:
        _refuse("worst_block", "Must be greater than 0.")
    if plan.clock == EVENT and plan.starts_at is None:
        _refuse("starts_at", "An EVENT evaluation needs the signals' own time from which on they count.")
    return plan


def _refuse(name: str, detail: str) -> NoReturn:
    raise DomainError("invalid_evaluation", f"{name}: {detail}", f"/{name}")


def _text(given: Mapping[str, Any], name: str, longest: int) -> str:
    value = str(given[name] or "").strip()
    if not value:
        _refuse(name, "Is required.")
    if len(value) > longest:
        _refuse(name, f"At most {longest} characters.")
    return value


def _choice(given: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str:
    if given[name] not in allowed:
        _refuse(name, f"Must be {' or '.join(allowed)}.")
    return str(given[name])


def _whole(given: Mapping[str, Any], name: str, least: int, most: int) -> int:
    number = whole_number(str(given[name]).strip())
    if number is None or not least <= number <= most:
        _refuse(name, f"Must be a whole number from {least} to {most}.")
    return number


def _amount(given: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal:
    """An amount of the metric, 0 or more, with at most twelve decimals."""
    if given[name] in (None, "") and default is not None:
        return default
    try:
        value = Decimal(str(given[name]).strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value < 10**12 or value != round(value, 12):
        _refuse(name, "Must be a number, 0 or more, with at most twelve decimals.")
    return Decimal(plain_text(value))


def _slices(given: Mapping[str, Any]) -> tuple[str, ...]:
    texts = given["slices"] or ()
    if not isinstance(texts, (str, list, tuple)):
        _refuse("slices", "Must be a list of texts like symbol=SPY.")
    try:
        return read_slices(texts)
    except ValueError as error:
        _refuse("slices", str(error))


def _instant(given: Mapping[str, Any], name: str) -> datetime | None:
    if given[name] in (None, ""):
        return None
    try:
        return parse_instant(given[name])
    except ValueError:
        _refuse(name, "Must be a time with its zone, like 2026-03-16T14:30:00Z.")


@dataclass(frozen=True, slots=True)
class History:
    """What earlier blocks under the same plan were like; None where there were not any."""

    blocks: int = 0
    largest: Decimal | None = None  # |x_b|
    busy_signals: int | None = None  # that arrived in the 95th percentile of blocks
    largest_risk: Decimal = Decimal(0)  # of any trade, in currency

    @classmethod
    def of(cls, sums: Iterable[tuple[float, float]], sizes: Sequence[int], largest_risk: Decimal) -> History:
        """From the sums (low, high) of each block and how many signals arrived in it."""
        largest = max((max(abs(low), abs(high)) for low, high in sums), default=None)
        busy = sorted(sizes)[math.ceil(0.95 * len(sizes)) - 1] if sizes else None
        return cls(len(sizes), None if largest is None else Decimal(repr(largest)), busy, largest_risk)


def least_worst_block(plan: EvaluationPlan, history: History, split: Decimal | None) -> Decimal | None:
    """The smallest `worst_block` that needs no reason; None where nothing tells it.

    `split` is engine A's percentage, None where nobody trades for real. The greater of 3 x the largest of 60 or more
    earlier blocks, and of a busy block in which every signal differed by 1 R at the larger role weight.
    """
    weight = 1.0 if split is None else max(role_weight(float(split) / 100), role_weight(1 - float(split) / 100))
    has_history = history.blocks >= ENOUGH_HISTORY
    busy = history.busy_signals if has_history else plan.busy_signals
    one = Decimal(1) if plan.metric == R else history.largest_risk
    terms = []
    if busy is not None and one:
        terms.append(Decimal(math.sqrt(busy) * weight) * one)
    if has_history and history.largest is not None:
        terms.append(3 * history.largest)
    return round(max(terms), 12) if terms else None


def demand_reason(plan: EvaluationPlan, history: History, split: Decimal | None) -> None:
    """Raise `worst_block_too_small` for a smaller promise than the rule asks that says no reason."""
    least = least_worst_block(plan, history, split)
    if plan.reason or (least is not None and plan.worst_block >= least):
        return
    if least is None:
        wanted = "" if plan.busy_signals else "busy_signals, how many a busy block has, or "
        detail = f"Nothing tells how bad a block can be: give {wanted}the reason for this worst_block."
    else:
        detail = f"worst_block is less than {decimal_text(least)}, which limits and history ask for; give the reason."
    raise DomainError("worst_block_too_small", detail, "/worst_block")


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of a signal, as far as it tells whether the signal can be compared."""

    configured_mode: str  # of the pinned policy
    execution_mode: str
    reason: str
    variant: str
    split_percentage: Decimal
    both_available: bool

    def is_comparable(self, estimand: str) -> bool:
        """Whether its policy would have compared it, were nothing halted and both engines there."""
        return compares(self.configured_mode, self.split_percentage, estimand)


def compares(configured_mode: str, split_percentage: Decimal, estimand: str) -> bool:
    """Whether a policy lets signals be compared, as long as nothing is halted and both engines are there.

    Who is real must be a matter of chance, or skill and the cost of being real cannot be told apart. Where each side
    is compared by its own exits and neither is real, there is no such cost. A block's sum is divided by the root of how
    many such signals arrived: nobody who has seen how the block goes decides that.
    """
    if configured_mode == "SPLIT_CAPITAL":
        return LEAST_SPLIT <= split_percentage <= MOST_SPLIT
    return estimand == OWN_EXIT and configured_mode == "SHADOW_ONLY"


def weight_of(decided: Decided, estimand: str) -> float | None:
    """The weight with which a signal takes part; None: NOT_COMPARED."""
    if not decided.is_comparable(estimand):
        return None
    if decided.configured_mode == "SPLIT_CAPITAL":
        if decided.execution_mode != "SPLIT_CAPITAL" or not decided.both_available:
            return None
        of_a = float(decided.split_percentage) / 100
        return role_weight(of_a if decided.variant == "A" else 1 - of_a)
    return 1.0 if decided.reason == configured_shadow_only.reason else None


def was_halted(since: datetime, until: datetime, halts: Iterable[tuple[datetime, datetime | None]]) -> bool:
    """Whether trading was halted at any time between both; a halt that is not over yet has no end."""
    return any(engaged <= until and (released is None or released >= since) for engaged, released in halts)


def block_ends_at(last_day: date) -> datetime:
    """The first instant after a block's last day, UTC."""
    midnight = datetime.combine(last_day + timedelta(days=1), datetime.min.time(), BLOCK_ZONE)
    return midnight.astimezone(ZoneInfo("UTC"))
