"""What each field of a log event holds, once for all events that have it: its JSON type and what it means.

docs/events.md is made from this table; in the tests every line that anything logs is held against it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """`type` is string, integer, boolean or object, followed by "or null" where it may be null."""

    type: str
    meaning: str


ID, HASH, INSTANT = "UUID.", "SHA-256, 64 hexadecimal digits.", "RFC 3339, UTC."
MONEY = "Decimal as text."
PERSON = "User name, or the user of the command line."

# Of every line, and of those that a request has caused.
COMMON = {
    "at": Field("string", INSTANT),
    "event": Field("string", "Name of the event."),
    "level": Field("string", "debug, info, warning, error or critical."),
    "logger": Field("string", "`orchestrator` for all events of this list."),
    "request_id": Field("string", "The id that the answer has in `X-Request-Id`."),
}
FIELDS: dict[str, Field] = {
    "action": Field("string", "What the engine recommended."),
    "address": Field("string", "Network address of the caller, as our own proxies say; empty where unknown."),
    "amendment_id": Field("integer", "Number of the amendment."),
    "archive_id": Field("integer", "Number of the archive."),
    "assignment_hash": Field("string", HASH),
    "attempt": Field("integer", "Which start of the evaluation this is, from 1."),
    "attempts": Field("integer", "How often it was tried."),
    "because": Field("string", "Why it ended."),
    "block": Field("integer", "Number of the block."),
    "by": Field("string", PERSON),
    "cluster": Field("string", "Host and process id of the worker."),
    "code": Field("string or integer", "Error code (errors.md); of a program, its exit code."),
    "conditions_hash": Field("string", HASH),
    "content_hash": Field("string", HASH),
    "context_hash": Field("string", HASH),
    "created_by": Field("string", PERSON),
    "currency": Field("string", "ISO 4217."),
    "day": Field("string", "UTC day on which the rows came."),
    "detail": Field("string", "A sentence for people."),
    "direction": Field("string or null", "LONG or SHORT; null where the alert makes no signal."),
    "directive_id": Field("integer", "Number of the directive."),
    "draft_id": Field("integer", "Number of the policy draft."),
    "due_at": Field("string", INSTANT),
    "e_a": Field("string or null", "Evidence that A is better, as a factor. Decimal as text."),
    "e_b": Field("string or null", "Evidence that B is better, as a factor. Decimal as text."),
    "enabled": Field("boolean", "Whether the engine takes part."),
    "engine": Field("string or null", "A or B."),
    "engines": Field("string", "The engines that can claim it, such as AB."),
    "error": Field("string", "What went wrong, as the program says it."),
    "evaluation": Field("string", "Name of the evaluation."),
    "executed_engine": Field("string or null", "A or B; null when neither trades for real."),
    "execution_mode": Field("string", "As the policy decided."),
    "exit_reason": Field("string", "As the engine reported it."),
    "exit_time": Field("string", INSTANT),
    "expected_at": Field("string or null", INSTANT),
    "experiment_id": Field("string or null", ID),
    "field": Field("string", "Name of the stored value."),
    "fill_ref": Field("string", "The engine's own reference of the fill."),
    "halt_id": Field("integer", "Number of the halt."),
    "id": Field("string", "Of whatever `what` names."),
    "incident_id": Field("integer", "Number of the incident."),
    "kind": Field("string", "Which kind of it, as its page shows."),
    "last_heard_at": Field("string or null", INSTANT),
    "late_seconds": Field("integer", "Seconds after the time that was set."),
    "limit": Field("string", "The guardrail's limit, as text."),
    "lines": Field("integer", "How many lines."),
    "milliseconds": Field("integer", "How long it took."),
    "mode": Field("string", "What the source is watched for."),
    "n": Field("integer", "Pairs of the block."),
    "name": Field("string", "Name of the guardrail."),
    "note": Field("string", "Why, in the operator's words."),
    "notifications": Field("integer", "How many in one message."),
    "outcome": Field("string", "accepted, recorded, duplicate or conflict."),
    "owner": Field("string", "Whose key it is."),
    "pid": Field("integer", "Process id."),
    "pnl": Field("string or null", MONEY),
    "policy_version": Field("integer", "Number of the policy version."),
    "prefix": Field("string", "First characters of the key, by which lists show it."),
    "price_provenance": Field("string or null", "Where the price comes from."),
    "program": Field("string", "Which program of `manage.py up`."),
    "quote_flags": Field("object", "What is odd about the quotes, by leg."),
    "reason": Field("string or null", "Why; of decisions and answers, a code."),
    "recipient": Field("string", "Name of the recipient."),
    "repeated": Field("integer", "Quotes that were there before."),
    "conflicting": Field("integer", "Quotes with another bid or ask than the first of that instrument and instant."),
    "crossed": Field("integer", "Quotes with a bid above the ask."),
    "resolved_at": Field("string", INSTANT),
    "revision": Field("integer", "From 1; the latest counts."),
    "role": Field("string", "What the engine learned: REAL or SHADOW."),
    "rows": Field("integer", "How many rows."),
    "sequence": Field("integer or null", "The number that the alert should have."),
    "shadow_trade_id": Field("string", ID),
    "signal_id": Field("string or null", ID),
    "source": Field("string or null", "Slug of the webhook source; of quotes, name of the feeder."),
    "spans": Field("integer", "How many stages of experiments."),
    "state": Field("string", "State of it from now on."),
    "status": Field("string", "Status of the trade from now on."),
    "stored": Field("integer", "Quotes that were new."),
    "symbol": Field("string or null", "As the alert names it."),
    "timeframe": Field("string or null", "Of the bar, as TradingView names it."),
    "timestamp": Field("string", INSTANT),
    "tool": Field("string", "Which question: the name of the tool."),
    "trade_id": Field("string", ID),
    "trip_id": Field("integer", "Number of the trip."),
    "until": Field("string", "Up to which moment, UTC."),
    "valid_until": Field("string", INSTANT),
    "value": Field("string", "What was measured, as text."),
    "variant": Field("string", "The engine that would trade for real: A or B."),
    "verdict": Field("string or null", "The verdict so far."),
    "what": Field("string", "What was to be done."),
}
