"""The tables that analysts take away, column by column: JSON, CSV, Parquet, the API document and docs/data.md.

A column that the views of the schema `analyst` have as well means the same there, and has its comment from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, LiteralString

from django.db.models import F, Func, TextField
from django.db.models.expressions import Combinable


class Kind(Enum):
    """How a column is written."""

    TEXT = auto()
    ID = auto()  # a UUID
    INSTANT = auto()  # UTC, to the microsecond
    AMOUNT = auto()  # money, exact: text in JSON, every digit in CSV, twelve decimals in Parquet
    RATIO = auto()  # a quotient, to fifteen digits
    WHOLE = auto()
    FLAG = auto()
    DOCUMENT = auto()  # JSON


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it is called, how it is written, what it means and where it is found.

    `sql` is what of a row of the statement it is, "" for the column of its name; `source` is the same for a table that
    is read by the ORM.
    """

    name: str
    kind: Kind
    meaning: str
    sql: LiteralString = ""
    source: str | Combinable = ""
    nullable: bool = False


def selected(columns: Sequence[Column]) -> dict[str, Any]:
    """What `QuerySet.values` takes to read these columns, each as `c_` and its name: its own may be a field's."""
    return {
        f"c_{column.name}": F(column.source or column.name) if isinstance(column.source, str) else column.source
        for column in columns
    }


_EXIT_TIME = Column("exit_time", Kind.INSTANT, "When it was closed. Of a pair, the later of both exits.")
_OF_RESULT = (
    _EXIT_TIME,
    Column("experiment_id", Kind.ID, "The experiment: one signal, played by both engines."),
    Column("kind", Kind.TEXT, "real, shadow or own_exit; of a pair paired (one real) or unpaired (two shadows)."),
    Column("engine", Kind.TEXT, "The engine, A or B. Of a pair, the one that traded for real; empty for two shadows."),
    # From here on null where a row was deleted behind the product's back.
    Column("symbol", Kind.TEXT, "Of the signal: upper case, without exchange prefix.", nullable=True),
    Column("timeframe", Kind.TEXT, "Of the signal, such as 5m, 1h, 1d or 1M (month).", nullable=True),
    Column("direction", Kind.TEXT, "Of the signal: LONG or SHORT on the underlying.", nullable=True),
    Column("strategy", Kind.TEXT, "Of the signal, as sent; empty if the alert has none.", nullable=True),
    Column("source", Kind.TEXT, "Slug of the webhook source.", nullable=True),
    Column("replayed", Kind.FLAG,
           "Whether its source was a replay when the alert arrived; null once that is in an archive file alone.",
           nullable=True),
    Column("execution_mode", Kind.TEXT, "Mode in which the experiment was executed.", nullable=True),
    Column("policy_version", Kind.WHOLE, "Policy version that decided the experiment.", nullable=True),
    Column("variant", Kind.TEXT, "Variant assigned by hash, A or B.", nullable=True),
    # To here.
    Column("currency", Kind.TEXT, "Currency of all amounts."),
    Column("pnl", Kind.AMOUNT, "P&L after fees; of a pair A minus B. Null if unpriced or not comparable.",
           nullable=True),
    Column("r", Kind.RATIO, "P&L in R, multiples of the capital at risk; of a pair A minus B.", nullable=True),
    Column("price_provenance", Kind.TEXT, "Where the exit price comes from; of a pair, the shadow's."),
    Column("unpriced", Kind.FLAG, "Whether nobody priced an exit."),
    Column("violating", Kind.FLAG, "Whether an engine broke a rule."),
    Column("left_out", Kind.FLAG, "Whether the figures of the report leave it out."),
    Column("amended", Kind.FLAG, "Whether an accepted amendment changed the result."),
)  # fmt: skip
OUTCOMES = (*_OF_RESULT, Column("trade_id", Kind.ID, "The trade, real or shadow.", sql="id"))
PAIRS = (
    *_OF_RESULT,
    Column("a_pnl", Kind.AMOUNT, "Engine A's part of the P&L.", nullable=True),
    Column("b_pnl", Kind.AMOUNT, "Engine B's part of the P&L.", sql="a_pnl - pnl", nullable=True),
    Column("a_r", Kind.RATIO, "Engine A's part in R.", nullable=True),
    Column("b_r", Kind.RATIO, "Engine B's part in R.", sql="a_r - r", nullable=True),
)
SIGNALS = (
    Column("signal_id", Kind.ID, "UUIDv5 of what identifies the signal."),
    Column("source", Kind.TEXT, "Slug of the webhook source.", source="signal__source"),
    Column("exchange", Kind.TEXT, "As sent; empty if the alert has none.", source="signal__exchange"),
    Column("symbol", Kind.TEXT, "Upper case, without exchange prefix.", source="signal__symbol"),
    Column("direction", Kind.TEXT, "LONG or SHORT on the underlying.", source="signal__direction"),
    Column("timeframe", Kind.TEXT, "Such as 5m, 1h, 1d or 1M (month).", source="signal__timeframe"),
    Column("timestamp", Kind.INSTANT, "When the alert fired.", source="signal__timestamp"),
    Column("strategy", Kind.TEXT, "As sent; empty if the alert has none.", source="signal__strategy"),
    Column("order_id", Kind.TEXT, "ID of the strategy's order; empty if the alert has none.",
           source="signal__order_id"),
    Column("signal_hash", Kind.TEXT, "SHA-256 of the signal's identity and payload."),
    Column("replayed", Kind.FLAG, "Whether its source was a replay when the alert arrived.",
           source="signal__replayed"),
    Column("received_at", Kind.INSTANT, "When the alert arrived.", source="signal__received_at"),
)  # fmt: skip
EXPERIMENTS = (
    Column("created_at", Kind.INSTANT, "When the experiment was created."),
    Column("experiment_id", Kind.ID, "The experiment: one signal, played by both engines."),
    *SIGNALS,
    Column("variant", Kind.TEXT, "Variant assigned by hash, A or B."),
    Column("assignment_hash", Kind.TEXT, "SHA-256 of the signal's ID and hash and the assignment key."),
    Column("assignment_key_id", Kind.TEXT, "Identifies the assignment key without revealing it."),
    Column("bucket", Kind.WHOLE, "0 to 9999, from the assignment hash; A below the split."),
    Column("split_percentage", Kind.AMOUNT, "Split of the policy version: percent of signals assigned to A."),
    Column("policy_version", Kind.WHOLE, "Policy version that decided.", source="policy_version_id"),
    Column("execution_mode", Kind.TEXT, "Mode in which it is executed.", source="decision__execution_mode",
           nullable=True),
    Column("executed_engine", Kind.TEXT, "Engine that trades for real; null if neither does.",
           source="decision__executed_engine", nullable=True),
    Column("shadow_engine", Kind.TEXT, "Engine that shadows: A, B or BOTH.", source="decision__shadow_engine",
           nullable=True),
    Column("reason", Kind.TEXT, "Rule that decided.", source="decision__reason", nullable=True),
    Column("decided_at", Kind.INSTANT, "When it was decided.", source="decision__decided_at", nullable=True),
)  # fmt: skip
DELIVERIES = (
    Column("received_at", Kind.INSTANT, "When the request arrived."),
    Column("delivery_id", Kind.WHOLE, "Number of the delivery.", source="id"),
    Column("source", Kind.TEXT, "Slug of the webhook source.", source="source__slug"),
    Column("remote_address", Kind.TEXT, "IP address of the sender.", sql="host(remote_address)", nullable=True),
    Column("content_type", Kind.TEXT, "As sent."),
    # Not its SHA-256: that is of the body before its secrets were masked, and confirms a secret that is guessed.
    Column("body", Kind.TEXT, "The first 64 KiB as received, with secrets masked; bytes that are no text as \\ooo.",
           source=Func("body", function="text_of_bytes", output_field=TextField())),
    Column("outcome", Kind.TEXT, "How it was handled: accepted, duplicate, conflict, recorded or rejected."),
    Column("code", Kind.TEXT, "Error code of a rejected delivery, reason of a recorded one."),
    Column("detail", Kind.TEXT, "Error message returned to the sender, or what made it an exit."),
    Column("signal_id", Kind.ID, "The signal that it created, duplicates or conflicts with.", nullable=True),
    Column("alert_time", Kind.INSTANT, "Time of a recorded alert from a replay source.", nullable=True),
    Column("duration_ms", Kind.AMOUNT, "Time from receipt to storage, in milliseconds."),
)  # fmt: skip
AUDIT = (
    Column("at", Kind.INSTANT, "When it was done, by the database clock."),
    Column("entry_id", Kind.WHOLE, "Number of the entry.", source="id"),
    Column("actor", Kind.TEXT, "User name, or the command line's user."),
    Column("account_id", Kind.WHOLE, "The actor's account, which may have another name by now; null for commands.",
           nullable=True),
    Column("action", Kind.TEXT, "What was done, such as policy.activated."),
    Column("subject", Kind.TEXT, "What it was done to, such as policy version 7."),
    Column("reason", Kind.TEXT, "Why, in the actor's words."),
    Column("changes", Kind.DOCUMENT, "What was changed, by name: the value before and the value after, as text."),
    Column("address", Kind.TEXT, "Network address; empty for commands."),
)  # fmt: skip
# By the last part of their URL.
TABLES = {
    "outcomes": OUTCOMES, "pairs": PAIRS, "experiments": EXPERIMENTS, "deliveries": DELIVERIES, "audit": AUDIT,
}  # fmt: skip
