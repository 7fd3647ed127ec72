"""The views of the schema `analyst`, for BI tools and notebooks: what each shows, column by column.

They keep engines blind whoever reads them. Nothing that tells who trades a signal for real is shown before both engines
have answered, or can only shadow any more because their time to answer has passed (`blindness.SHOWN`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from psycopg.sql import SQL, Composable

from archives.models import Archive, ArchiveFile
from orchestrator_site.analyst.blindness import SHOWN
from outcomes.analyst_api.columns import AUDIT, DELIVERIES, EXPERIMENTS, OUTCOMES, PAIRS, SIGNALS, Column
from outcomes.models import RealTrade, Recommendation, TradeFill, Violation
from outcomes.performance.scope import EXPERIMENTS as EXPERIMENTS_SQL
from outcomes.performance.scope import pairs_in, results_in
from policies.models import PolicyVersion
from signals_app.models import MarketContext, Signal

_ALWAYS = [(None, None)]
# In one of these stands whose trade it was, and of which kind.
_OF_TRADES = "a.action NOT LIKE 'amendment %' AND a.action NOT LIKE 'incident %'"


@dataclass(frozen=True, slots=True)
class View:
    """A view: its columns as (name, expression, meaning), and what it reads."""

    name: str
    meaning: str
    columns: tuple[tuple[str, str, str], ...]
    source: str

    def statements(self) -> Iterator[str]:
        """What creates it, with a comment on every column."""
        chosen = ",\n       ".join(f'{sql} AS "{name}"' for name, sql, _ in self.columns)
        # A barrier: no condition of a reader's is evaluated on a row that the view leaves out.
        yield f"CREATE VIEW analyst.{self.name} WITH (security_barrier) AS\nSELECT {chosen}\n  FROM {self.source}"
        yield f"COMMENT ON VIEW analyst.{self.name} IS {_text(self.meaning)}"
        for name, _, meaning in self.columns:
            yield f'COMMENT ON COLUMN analyst.{self.name}."{name}" IS {_text(meaning)}'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _of_model(model: type[Model], alias: str, names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Columns of a table as they are, documents as jsonb; each means what its model says."""
    for name in names:
        field: Any = model._meta.get_field(name)  # noqa: SLF001 (documented)
        is_document = field.get_internal_type() == "JSONField"
        yield name, f"{alias}.{field.column}{'::jsonb' if is_document else ''}", str(field.help_text)


def _as_they_are(columns: Iterable[Column], alias: str) -> Iterator[tuple[str, str, str]]:
    for one in columns:
        yield one.name, one.sql or f"{alias}.{one.name}", one.meaning


def _renamed(columns: Iterable[Column], **sql: str) -> Iterator[tuple[str, str, str]]:
    """Columns by expressions of their names; those without one are left out."""
    for one in columns:
        if one.name in sql:
            yield one.name, sql[one.name], one.meaning


def _masked(columns: Iterable[Column], alias: str, *names: str) -> Iterator[tuple[str, str, str]]:
    for one in columns:
        if one.name in names:
            meaning = f"{one.meaning} Null while roles_shown is false."
            yield one.name, f"CASE WHEN shown.roles THEN {alias}.{one.name} END", meaning


def _experiment(alias: str) -> tuple[str, str, str]:
    return "experiment_id", f"{alias}.experiment_id", "The experiment: one signal, played by both engines."


def _shown(alias: str) -> str:
    """What narrows rows of one experiment each to those of experiments that are shown."""
    return f"JOIN experiments e ON e.experiment_id = {alias}.experiment_id\n WHERE {SHOWN}"


def _results(rows: Composable) -> str:
    """Closed trades or pairs with what their experiments are of, of experiments that are shown or archived."""
    read = SQL("({}) r LEFT JOIN ({}) x USING (experiment_id) LEFT JOIN archived_experiments y USING (experiment_id)")
    return f"{read.format(rows, EXPERIMENTS_SQL).as_string()} LEFT {_shown('r')}"


def _result_columns(columns: tuple[Column, ...]) -> tuple[tuple[str, str, str], ...]:
    of_experiment = {
        "symbol", "timeframe", "direction", "strategy", "source", "execution_mode", "policy_version", "variant",
    }  # fmt: skip
    named = {"experiment_id": "r.experiment_id", "trade_id": "r.id", "b_pnl": "r.a_pnl - r.pnl", "b_r": "r.a_r - r.r"}
    named |= {name: f"coalesce(x.{name}, y.{name})" for name in of_experiment} | {"replayed": "x.replayed"}
    return tuple((one.name, named.get(one.name, f"r.{one.name}"), one.meaning) for one in columns)


_TRADE = (
    "trade_id", "engine", "status", "legs", "quantity", "multiplier", "currency", "entry_time", "entry_price",
    "entry_fees", "entry_provenance", "risk_amount", "exit_time", "exit_price", "exit_fees", "exit_reason",
    "exit_provenance", "flags", "revision", "opened_at", "closed_at",
)  # fmt: skip
_TRADE_COLUMNS = ", ".join(f"t.{name}" for name in (*_TRADE, "experiment_id"))

VIEWS = (
    View(
        "signals", "Every signal, whatever became of it.",
        (
            *_of_model(Signal, "s", ("signal_id", "source", "exchange", "symbol", "direction", "timeframe", "timestamp",
                                     "strategy", "order_id", "signal_hash", "replayed", "received_at", "status",
                                     "processed_at")),
            ("payload", "s.raw_payload", "The alert's JSON, without its secrets."),
        ),
        "signals s",
    ),
    View(
        "market_contexts", "The frozen document that both engines got for a signal.",
        (
            ("signal_id", "c.signal_id", "The signal."),
            *_of_model(MarketContext, "c", ("context", "context_hash", "created_at")),
        ),
        "market_contexts c",
    ),
    View(
        "experiments", "A signal with its assignment and decision, which are null until both engines have answered.",
        (
            *_as_they_are(EXPERIMENTS[:2], "e"),
            *_as_they_are(SIGNALS[:1], "e"),
            *_as_they_are(SIGNALS[1:], "s"),
            ("roles_shown", "shown.roles", "Whether both engines have answered, or can only shadow any more."),
            *_masked(EXPERIMENTS, "e", "variant", "assignment_hash", "bucket"),
            *_renamed(EXPERIMENTS, split_percentage="e.split_percentage", policy_version="e.policy_version"),
            *_masked(EXPERIMENTS, "p", "execution_mode", "executed_engine", "shadow_engine", "reason"),
            *_renamed(EXPERIMENTS, decided_at="p.decided_at"),
        ),
        f"experiments e\n  JOIN signals s USING (signal_id)\n  LEFT JOIN execution_policy p USING (experiment_id)\n"
        # Once for each row, and not once for each column that it masks.
        f" CROSS JOIN LATERAL (SELECT {SHOWN} AS roles OFFSET 0) shown",
    ),
    View(
        "recommendations", "What each engine answered and the role that it was then told, once both have answered.",
        (
            _experiment("r"),
            *_of_model(Recommendation, "r", ("engine", "action", "strategy_version", "rules_hash", "context_hash",
                                             "plan", "recommendation", "recommended_at", "role", "role_reason",
                                             "permit_expires_at")),
        ),
        "recommendations r " + _shown("r"),
    ),
    View(
        "trades", "Real and shadow trades, open and closed, once both engines have answered.",
        (
            ("kind", "t.kind", "real or shadow."),
            _experiment("t"),
            *_of_model(RealTrade, "t", _TRADE),
        ),
        f"(SELECT 'real'::text AS kind, {_TRADE_COLUMNS} FROM real_trades t\n"  # noqa: S608 (our own names)
        f"        UNION ALL SELECT 'shadow', {_TRADE_COLUMNS} FROM shadow_trades t) t " + _shown("t"),
    ),
    View(
        "fills", "What was executed of each trade, every revision, once both engines have answered.",
        (
            ("kind", "CASE WHEN f.real_trade_id IS NULL THEN 'shadow' ELSE 'real' END", "real or shadow."),
            ("trade_id", "coalesce(f.real_trade_id, f.shadow_trade_id)", "The trade."),
            _experiment("f"),
            *_of_model(TradeFill, "f", ("engine", "number", "fill_ref", "revision", "time", "legs", "fees",
                                        "scheduled_fees", "reason", "price_provenance", "reported_at")),
        ),
        "trade_fills f " + _shown("f"),
    ),
    View(
        "outcomes", "Closed trades as the report counts them, of every kind: never add up over kinds.",
        _result_columns(OUTCOMES),
        _results(results_in(_ALWAYS)),
    ),
    View(
        "pairs", "Both engines on one signal, A minus B, as the report counts them.",
        _result_columns(PAIRS),
        _results(pairs_in(_ALWAYS)) + " AND r.kind IN ('paired', 'unpaired')",
    ),
    View(
        "violations", "Broken rules of the comparison, once both engines have answered.",
        (_experiment("v"), *_of_model(Violation, "v", ("engine", "name", "detail", "found_at"))),
        "pair_violations v " + _shown("v"),
    ),
    View(
        "policy_versions", "Every version of the policy.",
        tuple(_of_model(PolicyVersion, "p", (
            "version", "activated_at", "created_by", "note",
            *(field.name for field in PolicyVersion._meta.concrete_fields  # noqa: SLF001 (documented)
              if field.name not in {"version", "activated_at", "created_by", "note", "base_version"}),
        ))),
        "policy_versions p",
    ),
    View(
        "deliveries", "Requests of senders of alerts, their bodies with secrets masked.",
        tuple(_renamed(
            DELIVERIES, received_at="d.received_at", delivery_id="d.id", source="s.slug",
            remote_address="host(d.remote_address)", content_type="d.content_type", body="text_of_bytes(d.body)",
            outcome="d.outcome", code="d.code", detail="d.detail", signal_id="d.signal_id", alert_time="d.alert_time",
            duration_ms="d.duration_ms",
        )),
        "webhook_deliveries d JOIN webhook_sources s ON s.id = d.source_id",
    ),
    View(
        "audit", "Who changed what, when and why; without what was decided about single trades.",
        tuple(_renamed(
            AUDIT, at="a.at", entry_id="a.id", actor="a.actor", account_id="a.account_id", action="a.action",
            subject="a.subject", reason="a.reason", changes="a.changes", address="a.address",
        )),
        f"audit_log a WHERE {_OF_TRADES}",
    ),
    View(
        "archives", "The files of what has left the database; outcomes and pairs hold theirs all the same.",
        (
            ("archive_id", "a.id", "Number of the archive. Its files hold the same signals, or whatever it is of."),
            *_of_model(Archive, "a", ("kind", "day", "since", "until", "items", "archived_at", "removed_at",
                                      "given_up_at")),
            ("table_name", "f.table_name", "Table whose rows the file holds."),
            *_of_model(ArchiveFile, "f", ("path", "rows", "size", "sha256")),
        ),
        "archive_files f JOIN archives a ON a.id = f.archive_id",
    ),
)  # fmt: skip
