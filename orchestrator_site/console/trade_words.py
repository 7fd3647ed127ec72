"""Which kind of trade a signal got none of, and why: the same words in the list of signals and on the page of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# What an engine without a trade did.
_DID = {"DECLINE": "declined", "OPEN": "has not reported a trade"}
_BOTH = {
    "declined": "both declined",
    "has not reported a trade": "neither has reported a trade",
    "has not answered": "neither has answered",
}
# Where engines say why: `recommendation` may be any JSON.
_REASONS = ("reasons", "reason", "rationale")
MOST_SAID = 300


def signal_of(row: Mapping[str, Any]) -> str:
    """The signal of a row of the report."""
    return " ".join((row["symbol"], row["timeframe"], row["direction"].lower())) if row["symbol"] else "deleted"


def traded(kinds: Mapping[str, str], actions: Mapping[str, str]) -> str:
    """What is missing of a real and a shadow trade; "" where both are there.

    `kinds` says REAL or SHADOW of each engine that traded, `actions` OPEN or DECLINE of each that answered.
    """
    said = set(kinds.values())
    if said == {"REAL", "SHADOW"}:
        return ""
    kind = {frozenset(): "no trade", frozenset({"REAL"}): "real only"}.get(frozenset(said), "shadow only")
    did = {
        engine: _DID.get(actions.get(engine, ""), "has not answered") for engine in ("A", "B") if engine not in kinds
    }
    if len(did) == 2 and did["A"] == did["B"]:
        return f"{kind}: {_BOTH[did['A']]}"
    return ": ".join(filter(None, (kind, ", ".join(map(" ".join, did.items())))))


def headline(kinds: Mapping[str, str], actions: Mapping[str, str], reasons: Mapping[str, str]) -> str:
    """The same as a sentence, with the reasons of those that declined; "" where both kinds are there."""
    told = traded(kinds, actions)
    if not told:
        return ""
    because = [
        f"{engine}: {reasons[engine]}"
        for engine, action in sorted(actions.items())
        if action == "DECLINE" and reasons.get(engine)
    ]
    return ". ".join([told[0].upper() + told[1:].replace("both declined", "both engines declined"), *because]) + "."


def reasons_of(recommendation: str) -> str:
    """Why an engine recommends what it does, where its document says so as a text or a list of texts; else ""."""
    document = json.loads(recommendation)
    if not isinstance(document, dict):
        return ""
    said = next((document[name] for name in _REASONS if document.get(name)), "")
    texts = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    text = "; ".join(" ".join(one.split()) for one in texts if isinstance(one, str)).rstrip(". ")
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"
