"""Rebuild: feed a stored history to an empty database and compare what comes of it (R6, R2.5).

The same code as the webhook's judges every delivery, as of when it was received; the same code as the
worker's decides, each signal with the assignment key of then. Ids, hashes, buckets and variants must be identical.
Secrets are masked in what is stored, so credentials count as right, and deliveries refused for their credentials or
rate are left out. A source's settings may have been edited since: those that a delivery was judged by are taken from
itself.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import groupby
from operator import itemgetter
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from experiments.core.verification import Difference, differences_of
from experiments.history.records import Record
from experiments.history.replay import Progress
from experiments.keys import key_with
from experiments.worker.pipeline import BATCH_SIZE, process_batch
from experiments.worker.queue import Batch
from kernel.canonical import load_canonical, sha256_hex
from kernel.errors import DomainError
from kernel.values import read_instant
from policies.core.settings import SETTING_NAMES
from policies.models import PolicyVersion
from signals_app.alerts.admission import Arrival
from signals_app.alerts.decoding import MASK, MAX_BODY_BYTES, decode_alert, split_secrets
from signals_app.models import MarketData, Signal, WebhookSource
from signals_app.webhook.receive import receive_alert

# What depends on credentials, the connection, the traffic of a minute or APP_MODE, which nobody has stored.
NOT_REPEATABLE = frozenset(
    {
        "unauthorized", "https_required", "content_encoding", "body_incomplete", "body_too_slow", "rate_limited",
        "replay_not_live",
    }
)  # fmt: skip
COMPARED = (
    "signal_hash", "experiment_id", "assignment_hash", "assignment_key_id", "bucket", "variant", "policy_version",
    "split_percentage", "context_hash",
)  # fmt: skip
DECIDED = """
SELECT e.signal_id::text, e.signal_hash, e.experiment_id::text, e.assignment_hash, e.assignment_key_id, e.bucket,
       e.variant, e.policy_version, e.split_percentage::text, c.context_hash
  FROM experiments e JOIN market_contexts c USING (signal_id) WHERE e.signal_id = ANY(%s::uuid[])
"""


@dataclass(slots=True)
class Rebuilder:
    """Takes the records of a history one by one; `differences` grows with each that comes out another way."""

    deliveries: int = 0
    left_out: int = 0
    decided: int = 0
    differences: list[Difference] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _sources: dict[str, Record] = field(default_factory=dict)
    _judged_by: dict[str, Record] = field(default_factory=dict)
    _waiting: list[Record] = field(default_factory=list)

    def run(self, records: Iterable[Record], progress: Progress | None = None) -> None:
        """Rebuild from the records, and give the sources their own settings at the end."""
        total = 0
        for done, record in enumerate(records):
            if record["kind"] == "history":
                total = record["records"]
                for key_id in record["assignment_key_ids"]:
                    key_with(key_id)  # before anything is stored: a database that is half rebuilt is of no use
                continue
            if record["kind"] != "decided" or len(self._waiting) >= BATCH_SIZE:
                self._decide()
            self._take(record)
            if progress is not None:
                progress(done, total)
        self._decide()
        for slug, source in self._sources.items():
            WebhookSource.objects.filter(slug=slug).update(**source)

    def _take(self, record: Record) -> None:
        match record["kind"]:
            case "source":
                self._tokens[record["slug"]], self._sources[record["slug"]] = take_source(record)
            case "delivery" if record["outcome"] == "rejected" and record["code"] in NOT_REPEATABLE:
                self.left_out += 1
            case "delivery":
                self.deliveries += 1
                slug, judged_by = record["source"], settings_of_then(record)
                if self._judged_by.get(slug) != judged_by:
                    WebhookSource.objects.filter(slug=slug).update(**judged_by)
                    self._judged_by[slug] = judged_by
                outcome, code, signal_id = receive(self._tokens[slug], record)
                subject = f"delivery {record['id']}"
                self._compare(subject, "outcome", record["outcome"], outcome)
                self._compare(subject, "code", record["code"], code)
                self._compare(subject, "signal_id", record["signal_id"], signal_id)
            case "policy":
                take_policy(record)
            case "market_data":
                take_market_data(record)
            case "decided":
                self._waiting.append(record)
            case kind:
                raise DomainError("history_unreadable", f"The history contains an unknown kind of record: {kind!r}.")

    def _decide(self) -> None:
        """Decide the signals that were decided under the policy now in force, and compare."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        signal_ids = []
        for key_id, records in groupby(waiting, key=itemgetter("assignment_key_id")):
            of_this_key = [UUID(record["signal_id"]) for record in records]
            process_batch(Batch(uuid4(), of_this_key), of_this_key, key_with(key_id))
            signal_ids += of_this_key
        with connection.cursor() as cursor:
            cursor.execute(DECIDED, (signal_ids,))
            rebuilt = {row[0]: dict(zip(COMPARED, row[1:], strict=True)) for row in cursor.fetchall()}
        for record in waiting:
            self.decided += 1
            found = rebuilt.get(record["signal_id"], {})
            for name in COMPARED:
                self._compare(f"signal {record['signal_id']}", name, record[name], found.get(name))

    def _compare(self, subject: str, name: str, stored: object, rebuilt: object) -> None:
        self.differences += differences_of([(f"{subject} {name}", stored, rebuilt)])


def settings_of_then(delivery: Record) -> Record:
    """The settings of its source that a delivery was judged by, as far as it tells them.

    One whose signal is replayed, or whose time moved a clock, came from a replay. One that was stale was older than
    some limit and one that was not stale stayed within its own; one that was not refused presented the secret that was
    expected, if one was.
    """
    try:
        payload = decode_alert(base64.b64decode(delivery["body"]))
        _, presented = split_secrets(payload, MASK.__eq__)
    except DomainError:
        presented = ()
    return {
        "max_age_seconds": 1 if delivery["code"] == "stale" else 0,
        # Where it would not have been an exit anyway, the source's meaning of a bare sell made it one.
        "bare_sell": "exit" if delivery["code"] == "exit" else "entry_short",
        "replay": bool(delivery["replayed"] or delivery["alert_time"]),
        "body_secret_hash": sha256_hex(MASK.encode()) if MASK in presented else "",
    }


def refuse_unless_empty() -> None:
    """Raise DomainError `not_empty` when this database has a history of its own."""
    if Signal.objects.exists() or WebhookSource.objects.exists() or MarketData.objects.exists():
        raise DomainError("not_empty", "This database is not empty. Rebuild into a new, migrated one.")
    if PolicyVersion.objects.filter(version__gt=1).exists():
        raise DomainError("not_empty", "This database has policies of its own. Rebuild into a new, migrated one.")


def take_source(record: Record) -> tuple[str, Record]:
    """Make the source without conditions on the sender; return its token, new for this run, and its own settings."""
    own = {name: value for name, value in record.items() if name not in {"kind", "slug"}}
    token = secrets.token_urlsafe(32)
    open_to_us: Record = {
        "token_hash": sha256_hex(token.encode()), "previous_token_hash": None, "allowed_addresses": [],
        "client_certificate_subject": "", "rate_limit_per_minute": None, "is_active": True,
    }  # fmt: skip
    WebhookSource.objects.create(slug=record["slug"], **own | open_to_us)
    return token, own


def take_policy(record: Record) -> None:
    """Put a stored version in force; the first one replaces the one that this database made for itself."""
    columns: dict[str, Any] = {name: record[name] for name in SETTING_NAMES}
    columns |= {name: record[name] for name in ("version", "note", "created_by", "content_hash", "base_version_id")}
    with transaction.atomic(), connection.cursor() as cursor:
        if record["version"] == 1:
            # A table cannot be altered while checks of its rows are pending.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE policy_versions DISABLE TRIGGER policy_versions_append_only")
            cursor.execute("DELETE FROM policy_versions")
            cursor.execute("ALTER TABLE policy_versions ENABLE TRIGGER policy_versions_append_only")
        PolicyVersion.objects.create(**columns, activated_at=read_instant(record["activated_at"]))


def take_market_data(record: Record) -> None:
    """Store an observation as it was pushed."""
    MarketData.objects.create(
        symbol=record["symbol"],
        exchange=record["exchange"],
        as_of=read_instant(record["as_of"]),
        received_at=read_instant(record["received_at"]),
        source=record["source"],
        data=load_canonical(record["data"]),
    )


def receive(token: str, record: Record) -> tuple[str, str, str | None]:
    """Receive a stored delivery as the webhook would: outcome, code and signal id."""
    body = base64.b64decode(record["body"])
    address = record["remote_address"]
    arrival = Arrival(
        received_at=read_instant(record["received_at"]),
        started=perf_counter(),
        address=ip_address(address) if address else None,
        certificate_subject="",
        content_type=record["content_type"],
        body=body,
        # Of a body that was too large only the beginning was kept.
        size=MAX_BODY_BYTES + 1 if record["code"] == "too_large" else len(body),
    )
    try:
        receipt = receive_alert(token, arrival)
    except DomainError as error:
        return "rejected", error.code, None
    return receipt.outcome.value, receipt.reason, str(receipt.signal_id) if receipt.signal_id else None
