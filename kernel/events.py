"""Every log event, once: its name, its level, its fields and when it happens.

docs/events.md is made from this table. An event is logged by `EVENT.log(field=value, ...)`, and after the
commit of what it reports; a field that is not declared here cannot be logged.
"""

from __future__ import annotations

from kernel.event_lines import Event

SIGNAL_RECEIVED = Event(
    "signal.received",
    "info",
    ("signal_id", "symbol", "direction", "source", "outcome"),
    "The webhook stored an alert, or recognised one it had already stored; `reason` says why it makes no signal.",
    ("reason",),
)
SIGNAL_REJECTED = Event(
    "signal.rejected", "warning", ("source", "code"), "The webhook rejected an alert; see errors.md.", ("detail",)
)
SIGNAL_RETRIEVED = Event(
    "signal.retrieved", "info", ("signal_id", "symbol", "direction", "timestamp"), "A worker claimed a signal (R11.1)."
)
CONTEXT_CAPTURED = Event("context.captured", "info", ("signal_id", "context_hash"), "The market context was frozen.")
EXPERIMENT_CREATED = Event(
    "experiment.created",
    "info",
    ("experiment_id", "signal_id", "variant", "assignment_hash"),
    "A signal got its experiment and its variant (R11.2).",
)
POLICY_APPLIED = Event(
    "policy.applied",
    "info",
    ("experiment_id", "execution_mode", "executed_engine", "reason", "policy_version"),
    "The policy decided which engine trades for real (R11.3); `executed_engine` is null when neither does.",
)
SIGNAL_DISTRIBUTED = Event(
    "signal.distributed",
    "info",
    ("experiment_id", "signal_id", "engines", "context_hash"),
    "Both engines can claim the experiment.",
)
SIGNAL_PROCESSING_FAILED = Event(
    "signal.processing_failed",
    "error",
    ("signal_id", "experiment_id", "attempts", "error"),
    "A signal could not be decided (R11.5). It is retried, or waits in the admin once all attempts are used.",
)
RECOMMENDATION_RECORDED = Event(
    "recommendation.recorded",
    "info",
    ("experiment_id", "engine", "action", "role", "reason"),
    "An engine recommended a trade, or declined, and learned its role.",
)
PERMIT_CONFIRMED = Event(
    "permit.confirmed",
    "info",
    ("experiment_id", "engine", "valid_until"),
    "An engine asked whether its real order may go out, and it may.",
)
TRADE_OPENED = Event("trade.opened", "info", ("experiment_id", "engine", "trade_id"), "A real trade was reported.")
SHADOW_TRADE_CREATED = Event(
    "shadow_trade.created",
    "info",
    ("experiment_id", "engine", "shadow_trade_id"),
    "A shadow trade was reported (R11.4).",
)
TRADE_FILLED = Event(
    "trade.filled",
    "info",
    ("experiment_id", "engine", "kind", "trade_id", "fill_ref", "price_provenance"),
    "A fill was booked: an entry, a partial exit, a roll, an exit.",
)
TRADE_CLOSED = Event(
    "trade.closed",
    "info",
    ("experiment_id", "engine", "kind", "trade_id", "exit_reason", "status"),
    "A trade was closed.",
)
AMENDMENT_PROPOSED = Event(
    "trade.amendment_proposed",
    "warning",
    ("amendment_id", "experiment_id", "engine", "trade_id", "kind", "fill_ref"),
    "An engine proposed a correction or a bust of a fill. Decide it under Trade amendments in the admin.",
)
TRADE_AMENDED = Event(
    "trade.amended",
    "warning",
    (
        "amendment_id",
        "experiment_id",
        "engine",
        "trade_id",
        "kind",
        "fill_ref",
        "revision",
        "status",
        "pnl",
        "by",
    ),
    "An operator accepted an amendment; `pnl` is null while the trade has no result.",
)
SHADOW_EXIT_TRIGGERED = Event(
    "shadow_exit.triggered",
    "info",
    ("experiment_id", "engine", "directive_id", "exit_time", "conditions_hash", "state", "quote_flags"),
    "A real exit made the shadow trade exit too (R4.2).",
)
OUTCOME_RECORDED = Event(
    "outcome.recorded",
    "info",
    ("experiment_id", "engine", "kind", "trade_id", "pnl", "price_provenance"),
    "The outcome of a closed trade was recorded (R5.1); `pnl` is null when it could not be priced.",
)
QUOTES_STORED = Event(
    "quotes.stored",
    "info",
    ("source", "stored", "repeated", "conflicting", "crossed"),
    "A feeder sent quotes; `repeated` counts those it had sent before, `conflicting` and `crossed` others that are not "
    "kept.",
)
SETTLING_FAILED = Event(
    "settling.failed",
    "error",
    ("what", "id", "error"),
    "An entry, exit, check or day of the report that was due could not be settled; the worker tries again.",
)
INCIDENT_RECORDED = Event(
    "incident.recorded",
    "warning",
    ("incident_id", "kind", "experiment_id", "engine", "detail"),
    "An engine reported something it was not allowed to do. Review it under Incidents in the admin.",
)
EVALUATION_STARTED = Event(
    "evaluation.started",
    "info",
    ("evaluation", "attempt", "content_hash", "policy_version", "by"),
    "An evaluation started: signals take part from now on, or from its `starts_at`.",
)
EVALUATION_JUDGED = Event(
    "evaluation.judged",
    "info",
    ("evaluation", "block", "revision", "n", "verdict", "e_a", "e_b"),
    "A block of an evaluation was judged, or revised later, which changes no verdict.",
)
EVALUATION_ENDED = Event(
    "evaluation.ended",
    "info",
    ("evaluation", "state", "because"),
    "An evaluation ended: no more signals take part.",
)
INCIDENT_ACKNOWLEDGED = Event(
    "incident.acknowledged",
    "info",
    ("incident_id", "experiment_id", "engine", "pnl", "currency", "by"),
    "An operator said how a stray trade was closed; `pnl` is null where nothing was traded.",
)
POLICY_ACTIVATED = Event(
    "policy.activated", "info", ("policy_version", "created_by", "note"), "A policy version was activated."
)
POLICY_ACTIVATED_LATE = Event(
    "policy.activated_late",
    "warning",
    ("draft_id", "late_seconds"),
    "A scheduled activation was late, because no worker was running when it was due.",
)
POLICY_ACTIVATION_REFUSED = Event(
    "policy.activation_refused",
    "error",
    ("draft_id", "reason"),
    "A scheduled activation was due, but another version had been activated since.",
)
GUARDRAIL_TRIPPED = Event(
    "guardrail.tripped",
    "warning",
    ("policy_version", "name", "value", "limit"),
    "A guardrail tripped: no engine trades for real until an operator releases it.",
)
GUARDRAIL_RELEASED = Event(
    "guardrail.released", "warning", ("trip_id", "name", "reason", "by"), "An operator released a tripped guardrail."
)
SOURCE_CREATED = Event("source.created", "info", ("source",), "An operator created a webhook source.")
SOURCE_ROTATED = Event("source.rotated", "info", ("source",), "An operator rotated the token of a webhook source.")
SOURCE_CHANGED = Event("source.changed", "info", ("source",), "An operator changed a webhook source.")
SOURCE_ENABLED = Event("source.enabled", "info", ("source",), "An operator enabled a webhook source.")
SOURCE_DISABLED = Event("source.disabled", "info", ("source",), "An operator disabled a webhook source.")
ALERT_MISSING = Event(
    "alert.missing",
    "warning",
    ("source", "symbol", "timeframe", "expected_at", "sequence", "due_at"),
    "A source that is watched should have sent an alert and has not: `expected_at` is the close of its bar, `sequence` "
    "its number.",
)
ALERT_ARRIVED_LATE = Event(
    "alert.arrived_late",
    "info",
    ("source", "symbol", "timeframe", "expected_at", "sequence", "resolved_at"),
    "An alert arrived that had been reported as missing.",
)
SOURCE_SILENT = Event(
    "source.silent",
    "warning",
    ("source", "last_heard_at", "expected_at"),
    "A webhook source has been silent for unusually long; `last_heard_at` is null before its first alert.",
)
SOURCE_HEARD = Event(
    "source.heard", "info", ("source", "resolved_at"), "A silent webhook source is sending alerts again."
)
SOURCE_WATCHED = Event(
    "source.watched",
    "info",
    ("source", "mode"),
    "An operator changed how a webhook source is watched for missing alerts.",
)
HALT_ENGAGED = Event(
    "halt.engaged",
    "warning",
    ("halt_id", "reason", "by"),
    "An operator engaged the kill switch; nothing trades for real.",
)
HALT_RELEASED = Event("halt.released", "warning", ("halt_id", "reason", "by"), "An operator released the kill switch.")
ENGINE_SWITCHED = Event(
    "engine.switched", "warning", ("engine", "enabled", "reason", "by"), "An operator enabled or disabled an engine."
)
API_KEY_CREATED = Event("api_key.created", "info", ("owner", "prefix"), "An API key was created.")
API_KEY_REVOKED = Event(
    "api_key.revoked", "warning", ("prefix", "by"), "An operator revoked an API key; it stops within a second."
)
API_KEY_REFUSED = Event(
    "api_key.refused",
    "warning",
    ("address", "prefix"),
    "A call came with a key that is unknown, expired or revoked; told once a minute for each address.",
)
QUESTION_ASKED = Event(
    "question.asked",
    "info",
    ("by", "tool", "milliseconds"),
    "An assistant asked over the Model Context Protocol; `prefix` is of the analyst's key, over HTTP, and `code` says "
    "what was wrong where there was no answer. With what arguments it asked, and what it got, is not told.",
    ("prefix", "code"),
)
SIGN_IN_REFUSED = Event(
    "sign_in.refused", "warning", ("address", "by"), "A password, code or passkey was wrong, or there were too many."
)
IDENTITY_PROVIDER_UNAVAILABLE = Event(
    "identity_provider.unavailable", "error", ("error",), "Somebody wanted to sign in by OIDC, and it did not answer."
)
PREVIEW_FAILED = Event("preview.failed", "error", ("error",), "A preview in the admin was cancelled by the database.")
REPLAY_DIVERGED = Event(
    "replay.diverged",
    "error",
    ("experiment_id", "signal_id", "field"),
    "Replay recomputed a stored value and got a different one.",
)
NOTIFICATION_SENT = Event(
    "notification.sent",
    "info",
    ("recipient", "notifications"),
    "A recipient was notified of so many events in one message.",
)
NOTIFICATION_FAILED = Event(
    "notification.failed",
    "error",
    ("recipient", "attempts", "error"),
    "A recipient could not be told; it is tried again, up to ten times.",
)
TRACES_EXPORTED = Event(
    "traces.exported", "info", ("spans", "until"), "So many spans of experiments were sent to the collector of traces."
)
TRACES_REFUSED = Event(
    "traces.refused", "warning", ("spans",), "The collector of traces did not take these spans; they are sent again."
)
ARCHIVE_WRITTEN = Event(
    "archive.written",
    "info",
    ("archive_id", "kind", "day", "rows"),
    "Rows were written to files, read back and compared; nothing is deleted yet.",
)
ARCHIVE_REMOVED = Event(
    "archive.removed", "info", ("archive_id", "kind", "day"), "The rows of an archive have left the database."
)
ARCHIVE_GIVEN_UP = Event(
    "archive.given_up",
    "warning",
    ("archive_id", "kind", "reason"),
    "Rows of an archive stay in the database: they have changed since, or are on hold. They are archived again.",
)
ARCHIVE_FAILED = Event(
    "archive.failed", "error", ("error",), "An archive could not be written, so nothing was deleted; it is tried again."
)
PARTITION_MISSING = Event(
    "partition.missing",
    "error",
    ("error",),
    "The partitions of the next months could not be made, or rows came for a month that has none.",
)
WORKER_STARTED = Event("worker.started", "info", ("cluster", "pid"), "The supervisor started a worker.")
WORKER_RESTARTED = Event(
    "worker.restarted", "error", ("cluster", "reason"), "The supervisor restarted a worker that had died or hung."
)
WORKER_KILLED = Event(
    "worker.killed", "error", ("cluster", "reason"), "The supervisor killed a worker that did not stop in time."
)
WORKER_NOT_NOTIFIED = Event(
    "worker.not_notified",
    "warning",
    ("error",),
    "The worker could not be notified of a new signal; it finds the signal at its next poll.",
)
WORKER_WAITING = Event(
    "worker.waiting", "warning", ("reason",), "The worker cannot start yet: no database, or migrations are missing."
)
WORKER_ERRAND_FAILED = Event(
    "worker.errand_failed",
    "error",
    ("what", "error"),
    "What the worker does besides deciding ended with an error, or was killed; it is done again while it is due.",
)
WORKER_DATABASE_UNAVAILABLE = Event(
    "worker.database_unavailable",
    "warning",
    ("error",),
    "The worker lost the database; it retries until the database is back.",
    ("cluster",),
)
PROGRAM_STARTED = Event("program.started", "info", ("program", "pid"), "`manage.py up` started a program.")
PROGRAM_DIED = Event(
    "program.died", "error", ("program", "code"), "A program of `manage.py up` died; `code` is its exit code."
)
PROGRAM_STUCK = Event(
    "program.stuck", "error", ("program", "pid"), "A program stood still, so it was killed and started again."
)
PROGRAM_FAILED = Event(
    "program.failed",
    "error",
    ("program",),
    "A program ended too often within a minute, and was not killed; `up` stops.",
)
PROGRAM_KILLED = Event("program.killed", "error", ("pid",), "A program did not stop in time and was killed.")
HISTORY_INCOMPLETE = Event(
    "history.incomplete",
    "error",
    ("error",),
    "A call needed a row that is never deleted, and it is gone. `manage.py verify` names what is missing.",
)
DATABASE_UNAVAILABLE = Event(
    "database.unavailable", "error", ("error",), "A request was answered with 503, because the database is unavailable."
)

PAGE_FAILED = Event("page.failed", "error", ("error",), "An answer broke off in the middle; the sender noticed.")
LINES_DROPPED = Event(
    "log.lines_dropped", "error", ("lines",), "Nobody read the log, so that many lines of it were dropped."
)

EVENTS: tuple[Event, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Event))
