"""Who may send: tokens, addresses, certificates, secrets, limits."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from signals_app.models import Signal, UnknownTokenAttempt, WebhookDelivery
from signals_app.webhook.sources import hash_of_secret, rotate_source, set_source_active
from tests.factories import make_source
from tests.processes.harness import wait_until
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db

SECRET = "the-secret-in-the-body"
SUBJECT = "CN=TradingView Webhooks,O=TradingView\\, Inc."


def is_refused(response: Any) -> bool:
    return bool(response.status_code == 401 and response.json()["code"] == "unauthorized")


def test_a_wrong_token_is_refused_and_leaves_nothing() -> None:
    make_source()

    assert is_refused(send(token="another-token-entirely"))
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("path", ["/webhooks/tradingview/", "/webhooks/tradingview"])
def test_a_missing_token_is_refused_alike(path: str) -> None:
    assert is_refused(Client().post(path, "{}", content_type="application/json"))


@pytest.mark.parametrize("token", ["%00", "%ED%A0%80", "%FF%FE", "a%0A", "x" * 5000, "🔑"])
def test_odd_tokens_are_refused_alike(token: str) -> None:
    assert is_refused(send(token=token))


def test_every_401_has_the_same_body() -> None:
    make_source(body_secret_hash=hash_of_secret(SECRET))
    make_source(slug="elsewhere", token="token-of-elsewhere", allowed_addresses=["203.0.113.7"])
    make_source(slug="off", token="token-of-off-source", is_active=False)
    requests: list[dict[str, Any]] = [
        {"token": "nobody's token"},
        {"body": alert()},
        {"body": alert(secret="wrong")},
        {"token": "token-of-elsewhere"},
        {"token": "token-of-off-source"},
    ]

    assert len({send(**request).content for request in requests}) == 1


def test_a_source_that_is_switched_off_is_as_unknown() -> None:
    make_source()
    set_source_active("tv", is_active=False)

    assert is_refused(send())
    assert not WebhookDelivery.objects.exists()


def test_the_former_token_lives_until_the_next_rotation() -> None:
    make_source()
    _, second = rotate_source("tv")
    assert [send(token=token).status_code for token in (TOKEN, second)] == [200, 200]

    _, third = rotate_source("tv")

    assert [send(token=token).status_code for token in (TOKEN, second, third)] == [401, 200, 200]


@pytest.mark.parametrize(
    "body",
    [
        alert(),
        alert(secret="wrong"),
        alert(secret=12345),
        alert(secret=None),
        alert(secret={"a": SECRET}),
        alert(note=SECRET),
    ],
    ids=["none", "wrong", "a number", "null", "inside an object", "elsewhere"],
)
def test_without_the_right_body_secret_an_alert_is_refused_and_kept(body: dict[str, Any]) -> None:
    make_source(body_secret_hash=hash_of_secret(SECRET))

    assert is_refused(send(body))
    assert not Signal.objects.exists()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.outcome, delivery.code) == ("rejected", "unauthorized")


@pytest.mark.parametrize("member", ["secret", "passphrase", "token", "api_key", "webhook_secret", "key"])
def test_the_right_body_secret_opens_and_is_kept_nowhere(member: str) -> None:
    make_source(body_secret_hash=hash_of_secret(SECRET))

    assert send(alert(note=f"my {SECRET}") | {member: SECRET}).status_code == 200

    delivery = WebhookDelivery.objects.get()
    assert SECRET.encode() not in bytes(delivery.body)
    assert SECRET not in str(Signal.objects.get().raw_payload)
    assert member not in Signal.objects.get().raw_payload


def test_a_secret_is_masked_even_where_none_is_expected_and_the_alert_is_no_json() -> None:
    make_source()

    send(b'{"symbol": SPY, "secret": "hunter2hunter2"}')

    assert b"hunter2hunter2" not in bytes(WebhookDelivery.objects.get().body)


def test_the_same_alert_with_and_without_secret_is_a_duplicate() -> None:
    make_source()
    body = alert()
    send(body | {"secret": SECRET})

    assert send(body).json()["status"] == "duplicate"


@pytest.mark.parametrize(
    ("address", "status"),
    [("52.89.214.238", 200), ("203.0.113.200", 200), ("203.0.114.1", 401), ("::ffff:52.89.214.238", 200)],
)
def test_only_listed_addresses_and_networks_may_send(address: str, status: int) -> None:
    make_source(allowed_addresses=["52.89.214.238", "203.0.113.0/24"])

    assert send(REMOTE_ADDR=address).status_code == status
    assert WebhookDelivery.objects.count() == 1


def test_without_proxies_the_forwarded_address_is_not_believed() -> None:
    make_source(allowed_addresses=["52.89.214.238"])

    assert is_refused(send(REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="52.89.214.238"))
    assert WebhookDelivery.objects.get().remote_address == "198.51.100.1"


def test_with_one_proxy_its_own_entry_counts(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 1
    make_source(allowed_addresses=["52.89.214.238"])

    assert send(HTTP_X_FORWARDED_FOR="10.1.1.1, 52.89.214.238").status_code == 200
    assert is_refused(send(HTTP_X_FORWARDED_FOR="52.89.214.238, 198.51.100.1"))


def test_a_sender_without_usable_address_is_not_on_any_list() -> None:
    make_source(allowed_addresses=["0.0.0.0/0"])

    assert is_refused(send(REMOTE_ADDR="unix:"))
    assert WebhookDelivery.objects.get().remote_address is None


def test_the_certificate_subject_must_be_the_expected_one(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 1
    make_source(client_certificate_subject=SUBJECT)

    assert send(HTTP_X_SSL_CLIENT_S_DN=SUBJECT).status_code == 200
    assert is_refused(send(HTTP_X_SSL_CLIENT_S_DN="CN=Somebody"))
    assert is_refused(send(HTTP_X_SSL_CLIENT_S_DN="CN=\xe4\xf6"))
    assert is_refused(send())


def test_without_proxies_no_certificate_subject_is_believed() -> None:
    make_source(client_certificate_subject=SUBJECT)

    assert is_refused(send(HTTP_X_SSL_CLIENT_S_DN=SUBJECT))


def test_a_source_beyond_its_limit_is_told_when_to_send_again() -> None:
    make_source(rate_limit_per_minute=2)
    start = datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        send(b"{}")
        assert [send(alert(symbol=symbol)).status_code for symbol in ("SPY", "QQQ")] == [200, 200]

        clock.shift(timedelta(seconds=20))
        refused = send(alert(symbol="IWM"))

        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 40 <= int(refused["Retry-After"]) <= 41
        clock.shift(timedelta(seconds=int(refused["Retry-After"])))
        assert send(alert(symbol="IWM")).status_code == 200

    codes = list(WebhookDelivery.objects.order_by("id").values_list("code", flat=True))
    assert codes == ["symbol_missing", "", "", "rate_limited", ""]


def test_the_limit_of_one_source_does_not_touch_another() -> None:
    make_source(rate_limit_per_minute=1)
    make_source(slug="other", token="token-of-the-other", rate_limit_per_minute=1)

    assert [send(token=token).status_code for token in (TOKEN, "token-of-the-other", TOKEN)] == [200, 200, 429]


@pytest.mark.parametrize("encoding", ["gzip", "br", "Deflate", "identity, gzip"])
def test_an_encoded_body_is_415_and_kept_as_masked(encoding: str) -> None:
    make_source()

    response = send(gzip.compress(b"{}"), HTTP_CONTENT_ENCODING=encoding)

    assert (response.status_code, response.json()["code"]) == (415, "content_encoding")
    delivery = WebhookDelivery.objects.get()
    assert (delivery.outcome, delivery.code, bytes(delivery.body)) == ("rejected", "content_encoding", b"***")


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_an_encoding_that_is_none_is_fine(encoding: str) -> None:
    make_source()

    assert send(HTTP_CONTENT_ENCODING=encoding).status_code == 200


def test_where_https_is_required_a_plain_alert_is_refused_kept_and_logged(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    make_source(allowed_addresses=["203.0.113.7"])

    response = send()

    assert (response.status_code, response.json()["code"]) == (403, "https_required")
    assert WebhookDelivery.objects.get().code == "https_required"
    # The loop writes a turn's lines after its answers.
    wait_until(lambda: "https_required" in caplog.text, what="the line of the refusal")
    assert not Signal.objects.exists()


def test_where_https_is_required_a_proxy_that_says_so_is_believed(settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    make_source()

    assert send(HTTP_X_FORWARDED_PROTO="https").status_code == 200
    assert is_refused(send(token="another-token-entirely"))


def test_unknown_tokens_are_counted_by_address_and_hour() -> None:
    make_source(is_active=False)
    start = datetime(2026, 3, 16, 14, 59, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        for address in ("192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2", "unix:", "unix:"):
            send(token="another-token-entirely", REMOTE_ADDR=address)
        clock.shift(timedelta(minutes=2))
        send(REMOTE_ADDR="192.0.2.1")  # of a source that is switched off

    rows = UnknownTokenAttempt.objects.order_by("hour", "address").values_list("hour", "address", "attempts", "last_at")
    hour = datetime(2026, 3, 16, 14, tzinfo=UTC)
    later = start + timedelta(minutes=2)
    assert list(rows) == [
        (hour, "192.0.2.1", 2, start),
        (hour, "2001:db8::", 2, start),
        (hour, None, 2, start),
        (later.replace(minute=0), "192.0.2.1", 1, later),
    ]
