"""What is answered to each question: `text` says it in words, the other fields are the same for a program."""

from __future__ import annotations

from pydantic import BaseModel, Field

UTC = "UTC, RFC 3339."
EXACT = "Exact, as text."
HIDDEN = "Null until both engines have answered, or can only shadow any more."


class Answer(BaseModel):
    """Any answer."""

    text: str = Field(description="The answer in words, to be quoted.")


class RuleStep(BaseModel):
    """A rule of the policy, in the order in which rules are asked."""

    rule: str = Field(description="What the rule says.")
    standing: str = Field(description="applies (it decided), does not apply, or applies, outranked.")
    inputs: dict[str, str] = Field(description="What it looked at.")


class EnginePart(BaseModel):
    """One engine's part in a signal."""

    engine: str = Field(description="A or B.")
    answered: bool
    action: str | None = Field(description=f"OPEN or DECLINE. {HIDDEN}")
    role: str | None = Field(description=f"REAL or SHADOW, as it was told. {HIDDEN}")
    role_reason: str | None = Field(description=f"Why it was told so. {HIDDEN}")
    strategy_version: str | None = Field(description=f"As reported. {HIDDEN}")
    trade_kind: str | None = Field(description=f"REAL or SHADOW; null without a trade. {HIDDEN}")
    trade_status: str | None = Field(description=f"OPENING, OPEN, CLOSED or UNPRICED; null without a trade. {HIDDEN}")
    pnl: str | None = Field(description=f"P&L after fees of a closed trade. {EXACT} {HIDDEN}")
    currency: str | None = Field(description=f"Of the P&L. {HIDDEN}")
    exit_reason: str | None = Field(description=f"Why it was closed; null while it is not. {HIDDEN}")


class Why(Answer):
    """Why a signal was executed as it was."""

    signal_id: str
    experiment_id: str | None = Field(description="Null until the signal is decided.")
    source: str
    symbol: str
    direction: str
    timeframe: str
    strategy: str
    order_id: str
    fired_at: str = Field(description=UTC)
    received_at: str = Field(description=UTC)
    decided_at: str | None = Field(description=f"Null until it is decided. {UTC}")
    policy_version: int | None = Field(description="Null until it is decided.")
    roles_shown: bool = Field(description="Whether it may be told who trades the signal for real.")
    execution_mode: str | None = Field(description=HIDDEN)
    executed_engine: str | None = Field(description=f"The engine that trades for real; null if neither does. {HIDDEN}")
    reason: str | None = Field(description=f"The rule that decided. {HIDDEN}")
    variant: str | None = Field(description=f"Assigned by hash, A or B. {HIDDEN}")
    rules: list[RuleStep] = Field(description="Every rule; empty while roles_shown is false.")
    engines: list[EnginePart] = Field(description="Empty until it is decided.")
    violations: list[str] = Field(description="Broken rules of the comparison; empty while roles_shown is false.")


class EngineNow(BaseModel):
    """One engine as the next decision would see it."""

    engine: str = Field(description="A or B.")
    enabled: bool = Field(description="False if an operator has disabled it.")
    available: bool
    last_heartbeat_at: str | None = Field(description=f"Null if it was never seen. {UTC}")


class State(Answer):
    """What is in force now."""

    mode: str = Field(description="PAPER, or LIVE for real money.")
    halted: bool = Field(description="Whether the kill switch is engaged.")
    halt_reason: str | None = None
    halted_since: str | None = Field(default=None, description=UTC)
    guardrail: str | None = Field(default=None, description="The guardrail that is tripped; null if none is.")
    policy_version: int | None
    configured_mode: str | None
    policy_note: str | None = Field(description="Why this version was made.")
    next_decisions: list[str] = Field(description="What a signal received now would be decided to.")
    engines: list[EngineNow]
    signals_today: int = Field(description="Signals received since midnight UTC.")
    waiting: int = Field(description="Signals that are not decided yet.")
    failed: int = Field(description="Signals that could not be decided, and were not discarded.")
    worker_alive: bool


class EvaluationAnswer(Answer):
    """The verdict of an evaluation."""

    name: str
    state: str
    attempt: int | None
    verdict: str | None = Field(description="Null until it is started.")
    at_block: int | None = Field(description="The block that gave the verdict.")
    flags: list[str] = Field(description="What to keep in mind, in words.")
    evidence_a: str | None = Field(description="Wealth of the bet on A, from 1.")
    evidence_b: str | None = Field(description="Wealth of the bet on B, from 1.")
    needed: str | None = Field(description="The evidence that settles it.")
    interval: list[str | None] | None = Field(description="A minus B per signal: lower and upper bound.")
    metric: str = Field(description="What is compared: R, or P&L in the currency of the policy.")
    blocks: int = Field(description="Blocks judged so far.")
    content_hash: str = Field(description="SHA-256 of everything that was fixed before the data existed.")


class TradeRow(BaseModel):
    """A closed trade."""

    experiment_id: str
    trade_id: str
    exit_time: str = Field(description=UTC)
    symbol: str
    direction: str
    timeframe: str
    strategy: str
    pnl: str = Field(description=f"After fees. {EXACT}")
    r: str | None = Field(description="The same in R, multiples of the capital at risk.")
    price_provenance: str = Field(description="Where the exit price comes from.")
    left_out: bool = Field(description="Whether the report leaves it out, since its engine broke a rule.")


class WorstTrades(Answer):
    """Closed trades of one engine, the worst first."""

    engine: str
    kind: str
    currency: str | None
    trades: list[TradeRow]


class SettingChange(BaseModel):
    """A setting that differs."""

    setting: str
    label: str = Field(description="What people call it.")
    before: str
    after: str


class PolicyChanges(Answer):
    """What differs between two versions of the policy."""

    before: int
    after: int
    changes: list[SettingChange]
