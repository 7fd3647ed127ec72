"""What the webhook answers and keeps, outcome by outcome (R8)."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.utils import timezone

from signals_app.models import Signal, WebhookDelivery, WebhookSource
from signals_app.webhook import store
from tests.database import execute, rows
from tests.factories import make_source
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db


def sole_delivery() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def padded(size: int) -> bytes:
    """Return an acceptable alert of exactly this many bytes."""
    bare = json.dumps(alert(pad="")).encode()
    return json.dumps(alert(pad="x" * (size - len(bare)))).encode()


def test_a_new_alert_is_stored_with_its_delivery() -> None:
    source = make_source(slug="desk-1")
    body = json.dumps(alert(exchange="NASDAQ", strategy="orb", rsi=55.3)).encode()

    answer = send(body, content_type="text/plain; charset=utf-8").json()

    signal, delivery = Signal.objects.get(), sole_delivery()
    assert answer == {
        "status": "accepted",
        "signal_id": str(signal.signal_id),
        "signal_hash": signal.signal_hash,
    }
    assert (signal.source, signal.exchange, signal.strategy) == ("desk-1", "NASDAQ", "orb")
    assert (signal.status, signal.attempts, signal.processing_lock) == ("PENDING", 0, None)
    assert signal.raw_payload == json.loads(body)
    assert set(signal.consumed_fields) == signal.raw_payload.keys() - {"close", "rsi"}
    assert delivery.source == source
    assert bytes(delivery.body) == body
    assert delivery.body_sha256 == hashlib.sha256(body).hexdigest()
    assert delivery.content_type == "text/plain; charset=utf-8"
    assert delivery.remote_address == "127.0.0.1"
    assert delivery.received_at == signal.received_at
    assert delivery.duration_ms > 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"order_id": "Long"}, {"order_id": "Long 2"}),
        ({}, {"order_id": "Long"}),
        ({"symbol": "NYSE:T"}, {"symbol": "TSX:T"}),
    ],
)
def test_another_order_or_exchange_of_one_bar_is_a_signal_of_its_own(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    make_source()
    now = alert()["timestamp"]

    statuses = [send(alert(timestamp=now, **members)).json()["status"] for members in (first, second, second)]

    assert statuses == ["accepted", "accepted", "duplicate"]
    assert Signal.objects.count() == 2


def test_another_payload_for_the_same_key_is_a_conflict_and_changes_nothing() -> None:
    make_source()
    first = alert(close=568.25)
    signal_id = send(first).json()["signal_id"]

    answer = send(first | {"close": 600})

    assert answer.status_code == 200
    assert answer.json() == {"status": "conflict", "signal_id": signal_id}
    assert Signal.objects.get().raw_payload["close"] == 568.25
    assert [row.outcome for row in WebhookDelivery.objects.order_by("id")] == ["accepted", "conflict"]
    assert {str(row.signal_id) for row in WebhookDelivery.objects.all()} == {signal_id}


def test_the_same_alert_from_another_source_is_another_signal() -> None:
    make_source(slug="one", token="token-number-one-1")
    make_source(slug="two", token="token-number-two-2")
    body = alert()

    answers = [send(body, token=token).json()["status"] for token in ("token-number-one-1", "token-number-two-2")]

    assert answers == ["accepted", "accepted"]
    assert Signal.objects.count() == 2


def test_the_payload_chooses_neither_ids_nor_source() -> None:
    make_source(slug="tv")

    answer = send(alert(signal_id="0" * 32, source="other", experiment_id="x", mode="LIVE", engine="B")).json()

    signal = Signal.objects.get()
    assert answer["signal_id"] == str(signal.signal_id) != "0" * 32
    assert signal.source == "tv"


def test_an_old_alert_is_recorded_as_stale() -> None:
    make_source(max_age_seconds=60)

    answer = send(alert(timestamp="2020-01-01T00:00:00Z"))

    assert (answer.status_code, answer.json()) == (200, {"status": "recorded", "reason": "stale"})
    assert not Signal.objects.exists()


def test_a_host_whose_clock_is_an_hour_fast_judges_by_the_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    make_source(max_age_seconds=300)
    now = timezone.now
    # Asked for anew, and back to what it was afterwards.
    for name, reading in (("_due", 0.0), ("_ahead", timedelta())):
        monkeypatch.setattr(store.clock, name, reading)
    monkeypatch.setattr(store, "timezone", SimpleNamespace(now=lambda: now() + timedelta(hours=1)))

    assert send().json()["status"] == "accepted"
    assert abs(sole_delivery().received_at - now()) < timedelta(minutes=5)


def test_a_source_without_maximum_age_takes_old_alerts() -> None:
    make_source(max_age_seconds=0)

    assert send(alert(timestamp="2020-01-01T00:00:00Z")).json()["status"] == "accepted"


def test_a_refused_alert_is_told_why_and_where() -> None:
    make_source()

    answer = send(alert(direction="sideways"))

    problem = answer.json()
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("direction_invalid", "/direction")
    assert sole_delivery().detail == problem["detail"]


@pytest.mark.parametrize(
    ("size", "status"), [(65536, 200), (65537, 413), (200_000, 413)], ids=["at the cap", "one more", "far more"]
)
def test_bodies_up_to_64_kib_are_read(size: int, status: int) -> None:
    make_source()
    body = padded(size)
    assert len(body) == size

    answer = send(body)

    assert answer.status_code == status
    assert bytes(sole_delivery().body) == body[:65536]


def test_the_size_of_a_body_too_large_is_told() -> None:
    make_source()

    problem = send(padded(200_000)).json()

    assert problem["code"] == "too_large"
    assert "200000" in problem["detail"]


class EndlessStream(io.BytesIO):
    """A sender that would send for ever; remembers how much was taken."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        self.taken += size
        return b"x" * size


class BrokenStream(io.BytesIO):
    """A sender that went away in the middle."""

    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError


@pytest.mark.usefixtures("in_a_thread")
def test_only_the_beginning_of_a_body_too_large_is_read() -> None:
    make_source()
    stream = EndlessStream()
    request: dict[str, Any] = {"CONTENT_LENGTH": str(10**9), "wsgi.input": stream}

    answer = send(b"x", **request)

    assert answer.status_code == 413
    assert stream.taken == 65537
    assert bytes(sole_delivery().body) == b"x" * 65536


class SlowStream(io.BytesIO):
    """A body that arrives byte by byte."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size or 0))


@pytest.mark.usefixtures("in_a_thread")
def test_a_body_without_announced_length_is_read_to_its_end() -> None:
    make_source()
    stream = SlowStream(json.dumps(alert()).encode())
    chunked: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input": stream, "wsgi.input_terminated": True}

    assert send(b"x", **chunked).json()["status"] == "accepted"


@pytest.mark.usefixtures("in_a_thread")
def test_a_body_without_announced_length_is_capped_as_well() -> None:
    make_source()
    stream = EndlessStream()
    chunked: dict[str, Any] = {"CONTENT_LENGTH": "", "wsgi.input": stream, "wsgi.input_terminated": True}

    assert send(b"x", **chunked).status_code == 413
    assert stream.taken == 65537


@pytest.mark.usefixtures("in_a_thread")
def test_a_sender_that_goes_away_is_no_error_of_ours() -> None:
    make_source()
    request: dict[str, Any] = {"CONTENT_LENGTH": "100", "wsgi.input": BrokenStream()}

    answer = send(b"x", **request)

    assert (answer.status_code, answer.json()["code"]) == (400, "body_incomplete")
    assert (sole_delivery().outcome, sole_delivery().code) == ("rejected", "body_incomplete")


def test_a_body_of_too_many_levels_is_refused() -> None:
    make_source()

    answer = send(b'{"a":' * 33 + b"1" + b"}" * 33)

    assert (answer.status_code, answer.json()["code"]) == (400, "too_deep")


def test_an_empty_body_is_refused() -> None:
    make_source()

    assert send(b"").json()["code"] == "empty_body"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_the_content_type_does_not_matter(content_type: str) -> None:
    make_source()

    assert send(content_type=content_type).json()["status"] == "accepted"


@pytest.mark.parametrize("accept", ["text/html", "image/png", "nonsense"])
def test_what_the_sender_accepts_does_not_matter(accept: str) -> None:
    make_source()

    assert send(HTTP_ACCEPT=accept).json()["status"] == "accepted"
    assert send(b"", HTTP_ACCEPT=accept).status_code == 400


@pytest.mark.usefixtures("in_a_thread")
@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_other_methods_are_refused(method: str) -> None:
    make_source()

    answer = getattr(Client(), method)(f"/webhooks/tradingview/{TOKEN}/")

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer["Content-Type"] == "application/problem+json"
    assert not WebhookDelivery.objects.exists()


@pytest.mark.usefixtures("in_a_thread")
def test_the_trailing_slash_is_optional() -> None:
    make_source()

    answer = Client().post(f"/webhooks/tradingview/{TOKEN}", json.dumps(alert()), content_type="application/json")

    assert answer.json()["status"] == "accepted"


def test_the_query_string_does_not_matter() -> None:
    make_source()

    assert send(QUERY_STRING="format=xml").json()["status"] == "accepted"


@pytest.mark.usefixtures("in_a_thread")
def test_a_new_alert_takes_one_statement_and_one_for_the_hint_when_its_source_is_known(
    django_assert_num_queries: Any,
) -> None:
    make_source()
    send()

    with django_assert_num_queries(2):
        send(alert(symbol="QQQ"))


@pytest.mark.usefixtures("in_a_thread")
@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_opened_around_the_statements(django_assert_num_queries: Any) -> None:
    make_source()
    send()

    # BEGIN and COMMIT would be counted, because here no test transaction is around.
    with django_assert_num_queries(2):
        send(alert(symbol="QQQ"))


@pytest.mark.usefixtures("in_a_thread")
def test_a_repeat_takes_three_statements_a_stranger_two_and_all_else_one(django_assert_num_queries: Any) -> None:
    make_source()
    body = alert()
    send(body)

    with django_assert_num_queries(3):
        send(body)
    with django_assert_num_queries(1):
        send(alert(action="close"))
    with django_assert_num_queries(1):
        send(b"{}")
    with django_assert_num_queries(2):
        send(token="not-the-right-token")


@pytest.mark.usefixtures("in_a_thread")
def test_the_server_keeps_the_plan_of_the_statement() -> None:
    make_source()
    execute("DEALLOCATE ALL")

    send()

    kept = " ".join(statement for (statement,) in rows("SELECT statement FROM pg_prepared_statements"))
    assert kept.count("INSERT INTO signals") == 1


@pytest.mark.usefixtures("in_a_thread")
def test_a_pooler_that_cannot_keep_plans_is_spared_them(monkeypatch: pytest.MonkeyPatch) -> None:
    make_source()
    execute("DEALLOCATE ALL")
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)

    assert send().json()["status"] == "accepted"
    assert rows("SELECT statement FROM pg_prepared_statements") == []


def test_a_source_that_takes_a_bare_sell_for_an_exit_records_it_and_keeps_why() -> None:
    make_source(bare_sell="exit")

    answer = send(alert(direction=None, action="sell")).json()

    assert answer == {"status": "recorded", "reason": "exit"}
    delivery = WebhookDelivery.objects.get()
    assert (delivery.code, delivery.detail) == (
        "exit", 'action is "sell", and this source takes a bare sell for an exit',
    )  # fmt: skip


def test_the_database_knows_the_meanings_of_a_bare_sell() -> None:
    source = make_source()

    with pytest.raises(IntegrityError, match="webhook_sources_bare_sell_known"):
        WebhookSource.objects.filter(pk=source.pk).update(bare_sell="both")
