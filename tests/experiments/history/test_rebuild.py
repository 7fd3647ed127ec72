"""A fresh database fed with the stored deliveries comes to the same ids, hashes, buckets and variants."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from experiments.worker.pipeline import drain
from kernel.errors import DomainError
from policies.models import PolicyVersion
from policies.services import ensure_first_version
from signals_app.models import Signal, WebhookSource
from signals_app.selectors import replay_clock
from signals_app.webhook.receive import CUT_SHORT
from signals_app.webhook.sources import create_source
from tests.database import execute, rows, value
from tests.factories import MOMENT, make_available, make_policy

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "wh-7f3c91-demo"
IDENTICAL = """
SELECT e.signal_id, e.signal_hash, e.experiment_id, e.bucket, e.variant, e.policy_version, c.context_hash
  FROM experiments e JOIN market_contexts c USING (signal_id) ORDER BY e.signal_id
"""


def alert(**changes: Any) -> dict[str, Any]:
    return {"symbol": "SPY", "direction": "long", "timeframe": "5m", "timestamp": MOMENT.isoformat(),
            "secret": SECRET} | changes  # fmt: skip


def make_history() -> None:
    """Receive alerts of every outcome under two policies and decide them."""
    _, token = create_source(slug="tv", body_secret=SECRET, max_age_seconds=0)
    client = Client()

    def send(body: object, **meta: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        client.post(f"/webhooks/tradingview/{token}/", text, content_type="text/plain", **meta)

    make_available("A", "B")
    for number in range(8):
        send(alert(symbol=f"S{number}", close=500 + number, note=f"said {SECRET}"))
    drain()
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="12.34", max_daily_real_loss="1234567.89")
    for number in range(8):
        send(alert(symbol=f"T{number}", key=SECRET, nested={"a": [1, None, 2.5]}))
    send(alert(symbol="S1", close=501, note=f"said {SECRET}"))  # a duplicate
    send(alert(symbol="S1", close=999))  # a conflict
    send(alert(direction="close"))  # recorded
    send(alert(secret="wrong"))  # refused for its credentials
    send(alert(direction="sideways"))
    # Cut short, although it is whole as JSON.
    send(alert(symbol="CUT"), **{CUT_SHORT: DomainError("body_incomplete", "The body ended early.")})
    send("no json")
    drain()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Return the export of a history, and leave the database empty."""
    make_history()
    path = tmp_path / "history.jsonl"
    call_command("rebuild", "--export", str(path), stdout=StringIO())
    return path


def empty_the_database() -> None:
    execute("TRUNCATE signals, webhook_sources, webhook_deliveries, policy_versions, market_data CASCADE")
    ensure_first_version()


def rebuild(path: Path) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("rebuild", "--from", str(path), stdout=out, stderr=StringIO())
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def test_a_rebuilt_database_is_identical(exported: Path) -> None:
    before = rows(IDENTICAL)
    empty_the_database()

    code, text = rebuild(exported)

    assert text == "21 deliveries received, 2 skipped (credentials, rate limit), 16 signals decided: identical.\n"
    assert code == 0
    assert rows(IDENTICAL) == before
    assert len(before) == 16


def stale_alert() -> dict[str, Any]:
    return alert(symbol="OLD", timestamp="2020-03-16T14:30:00Z")


def test_settings_of_a_source_that_were_edited_since_change_nothing(tmp_path: Path) -> None:
    source, token = create_source(slug="tv", max_age_seconds=0)
    address, path = f"/webhooks/tradingview/{token}/", tmp_path / "history.jsonl"
    no_secret = {name: member for name, member in alert(symbol="FREE").items() if name != "secret"}
    for body, settings in (
        (alert(symbol="BOLD"), {}),  # older than every limit but none
        (stale_alert(), {"max_age_seconds": 86_400}),
        (no_secret | {"key": "data"}, {"max_age_seconds": 0}),
        (alert(symbol="KEY", key=SECRET), {"body_secret_hash": sha256(SECRET.encode()).hexdigest()}),
    ):
        WebhookSource.objects.filter(pk=source.pk).update(**settings)
        Client().post(address, json.dumps(body), content_type="text/plain")
    assert rows("SELECT outcome FROM webhook_deliveries ORDER BY id") == [
        ("accepted",), ("recorded",), ("accepted",), ("accepted",),
    ]  # fmt: skip
    drain()
    before = rows(IDENTICAL)
    WebhookSource.objects.update(max_age_seconds=60, body_secret_hash=sha256(b"another secret").hexdigest())
    call_command("rebuild", "--export", str(path), stdout=StringIO())
    empty_the_database()

    code, text = rebuild(path)

    assert (code, text) == (
        0,
        "4 deliveries received, 0 skipped (credentials, rate limit), 3 signals decided: identical.\n",
    )
    assert rows(IDENTICAL) == before
    assert len(before) == 3
    assert WebhookSource.objects.get().max_age_seconds == 60


def test_policies_and_sources_are_copied_as_they_were(exported: Path) -> None:
    source = WebhookSource.objects.values().get()
    versions = list(PolicyVersion.objects.order_by("version").values())
    empty_the_database()

    rebuild(exported)

    unimportant = {"id", "created_at"}
    rebuilt = WebhookSource.objects.values().get()
    assert {n: v for n, v in rebuilt.items() if n not in unimportant} == {
        n: v for n, v in source.items() if n not in unimportant
    }
    assert list(PolicyVersion.objects.order_by("version").values()) == versions


def test_a_rebuild_from_another_database_reads_it_directly() -> None:
    make_history()
    info = connection.connection.info
    url = f"postgresql://{info.user}@/{info.dbname}?host={info.host}&port={info.port}"

    with pytest.raises(CommandError, match="not empty"):
        call_command("rebuild", "--from", url, stdout=StringIO(), stderr=StringIO())


Change = Callable[[dict[str, Any]], dict[str, Any]]


def changed(path: Path, kind: str, change: Change) -> Path:
    """Return a copy of the export in which the last record of a kind was changed."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    place = max(number for number, record in enumerate(records) if record["kind"] == kind)
    records[place] = change(records[place])
    copy = path.with_name("changed.jsonl")
    copy.write_text("\n".join(map(json.dumps, records)) + "\n")
    return copy


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        ("decided", {"bucket": 10_000}, "bucket: stored 10000, rebuilt "),
        ("decided", {"signal_hash": "a" * 64}, f"signal_hash: stored {'a' * 64}, rebuilt "),
        ("decided", {"context_hash": "a" * 64}, "context_hash: stored "),
        ("delivery", {"outcome": "accepted"}, "outcome: stored accepted, rebuilt rejected"),
        ("delivery", {"code": "empty_body"}, "code: stored empty_body, rebuilt invalid_json"),
    ],
)
def test_each_difference_is_named(exported: Path, kind: str, change: dict[str, Any], named: str) -> None:
    empty_the_database()

    code, text = rebuild(changed(exported, kind, lambda record: record | change))

    assert code == 1
    assert named in text
    assert "1 difference.\n" in text


@pytest.mark.parametrize("content", ["no history\n", "{}\n", '{"kind": "comet"}\n', '{"kind": "delivery"}\n', "{\n"])
def test_what_is_no_history_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(content)

    with pytest.raises(CommandError):
        rebuild(path)


def test_a_history_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Cannot read or write"):
        rebuild(tmp_path / "nothing.jsonl")


def test_an_export_holds_no_secret(exported: Path) -> None:
    assert SECRET not in exported.read_text()
    assert value("SELECT count(*) FROM webhook_deliveries") == 23


OTHER_KEY = "0123456789abcdef" * 4


def test_each_signal_is_rebuilt_with_the_key_that_assigned_it(settings: Any, tmp_path: Path) -> None:
    _, token = create_source(slug="tv", max_age_seconds=0)
    path = tmp_path / "history.jsonl"
    make_available("A", "B")
    for key in (OTHER_KEY, "00" * 32, OTHER_KEY):
        settings.ASSIGNMENT_KEY = key
        Client().post(
            f"/webhooks/tradingview/{token}/", json.dumps(alert(order_id=f"{Signal.objects.count()}")), "text/plain"
        )
        drain()
    settings.ASSIGNMENT_KEY, settings.ASSIGNMENT_KEYS = "00" * 32, [OTHER_KEY]
    before = rows(IDENTICAL)
    call_command("rebuild", "--export", str(path), stdout=StringIO())
    empty_the_database()

    code, text = rebuild(path)

    assert (code, text.endswith(" 3 signals decided: identical.\n")) == (0, True)
    assert rows(IDENTICAL) == before
    assert OTHER_KEY not in path.read_text()


def test_a_history_whose_key_is_missing_is_refused_before_anything_is_stored(settings: Any, exported: Path) -> None:
    empty_the_database()
    settings.ASSIGNMENT_KEY = OTHER_KEY

    with pytest.raises(CommandError, match="Signals were assigned with the key 66687aadf862bd77, which is neither"):
        rebuild(exported)

    assert value("SELECT count(*) FROM webhook_sources") == 0


def test_replayed_signals_and_the_clock_of_their_source_are_rebuilt(tmp_path: Path) -> None:
    _, token = create_source(slug="tv", replay=True)
    path = tmp_path / "history.jsonl"
    for changes in ({}, {"direction": "close", "timestamp": (MOMENT + timedelta(hours=1)).isoformat()}):
        Client().post(f"/webhooks/tradingview/{token}/", json.dumps(alert(**changes)), "text/plain")
    drain()
    WebhookSource.objects.update(replay=False, max_age_seconds=300)  # switched since
    call_command("rebuild", "--export", str(path), stdout=StringIO())
    empty_the_database()

    code, text = rebuild(path)

    assert code == 0, text
    assert Signal.objects.get().replayed
    assert replay_clock("tv") == MOMENT + timedelta(hours=1)
    assert not WebhookSource.objects.get().replay
