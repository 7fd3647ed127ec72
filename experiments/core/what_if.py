"""Stored decisions under other settings: what would change, counted.

The inputs of each decision stay as stored, except those that are settings, and the variant, which follows from the
stored bucket and the new split. So under its own settings every decision stays what it is. Settings that work
through facts, such as the TTL of heartbeats, change nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple, TypeVar

from experiments.core.decision import rule_on, split_basis_points, variant_of
from kernel.canonical import load_canonical
from policies.core.rules import SETTING_INPUTS, PolicyInputs
from policies.core.settings import PolicySettings

Key = TypeVar("Key", bound=tuple[object, ...])


class Verdict(NamedTuple):
    """What a decision says."""

    execution_mode: str
    executed_engine: str | None
    reason: str


class StoredDecision(NamedTuple):
    """One decision as it stands in its table; `inputs` is canonical JSON."""

    experiment_id: str
    symbol: str
    bucket: int
    inputs: str
    rules_version: int
    verdict: Verdict


class WhatIf(NamedTuple):
    """One decision before and after; `after` is None when the stored inputs cannot be read."""

    experiment_id: str
    symbol: str
    before: Verdict
    after: Verdict | None

    @property
    def is_changed(self) -> bool:
        """Whether the settings make a difference to this decision."""
        return self.after is not None and self.after != self.before


def decide_again(decisions: Iterable[StoredDecision], settings: PolicySettings) -> Iterator[WhatIf]:
    """Decide each again under the settings, by the rules of its own rules version."""
    split_bp = split_basis_points(settings.split_percentage)
    document = settings.document()
    changed = {name: document[name] for name in SETTING_INPUTS}
    known: dict[tuple[str, int, str], Verdict | None] = {}
    for stored in decisions:
        # Decisions of one state of the policy have the same inputs: a few among thousands.
        key = (stored.inputs, stored.rules_version, variant_of(stored.bucket, split_bp))
        if key not in known:
            variant = {"variant": key[2]}
            try:
                inputs = PolicyInputs(**load_canonical(stored.inputs) | changed | variant)
                known[key] = Verdict(*attrgetter(*Verdict._fields)(rule_on(inputs, stored.rules_version).resolution))
            except (KeyError, TypeError, ValueError):
                known[key] = None  # counted as unreadable: somebody has changed it, and a replay names it
        yield WhatIf(stored.experiment_id, stored.symbol, stored.verdict, known[key])


@dataclass(frozen=True, slots=True)
class Transition:
    """How many decisions go from one verdict to another; the two are equal where nothing changes."""

    before: Verdict
    after: Verdict
    count: int


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """How many decisions of one symbol change, by the reasons before and after."""

    symbol: str
    reason_before: str
    reason_after: str
    count: int


@dataclass(frozen=True, slots=True)
class ExecutedShare:
    """How many decisions let each engine, or nobody, trade for real."""

    engine_a: int
    engine_b: int
    nobody: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What the settings would have changed; the most frequent first."""

    considered: int
    changed: int
    unreadable: int  # stored inputs that cannot be read; in none of the other counts but the first
    transitions: tuple[Transition, ...]
    by_symbol: tuple[SymbolChange, ...]
    executed_before: ExecutedShare
    executed_after: ExecutedShare


@dataclass(slots=True)
class Tally:
    """Counts decisions one by one, in constant memory."""

    unreadable: int = 0
    _transitions: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)
    _by_symbol: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, one: WhatIf) -> None:
        """Count one decision."""
        if one.after is None:
            self.unreadable += 1
            return
        self._transitions[one.before, one.after] += 1
        if one.is_changed:
            self._by_symbol[one.symbol, one.before.reason, one.after.reason] += 1

    def result(self) -> Preview:
        """What was counted so far."""
        transitions = tuple(Transition(before, after, n) for (before, after), n in _ordered(self._transitions))
        return Preview(
            considered=self._transitions.total() + self.unreadable,
            changed=self._by_symbol.total(),
            unreadable=self.unreadable,
            transitions=transitions,
            by_symbol=tuple(SymbolChange(*key, n) for key, n in _ordered(self._by_symbol)),
            executed_before=_share((t.before.executed_engine, t.count) for t in transitions),
            executed_after=_share((t.after.executed_engine, t.count) for t in transitions),
        )


def _ordered(counter: Counter[Key]) -> list[tuple[Key, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], str(item[0])))


def _share(counts: Iterable[tuple[str | None, int]]) -> ExecutedShare:
    total: Counter[str | None] = Counter()
    for engine, count in counts:
        total[engine] += count
    return ExecutedShare(engine_a=total["A"], engine_b=total["B"], nobody=total[None])
