"""Nothing a sender can send makes the webhook fail (R8.1)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from signals_app.models import WebhookDelivery
from tests.database import value
from tests.factories import make_source
from tests.kernel.json_strategies import json_objects
from tests.signals_app.alerts.test_alert_vectors import ROWS, body_of
from tests.signals_app.webhook.webhook import alert, send

ANSWERS = {200, 400, 401, 413}
GOOD_BODIES = [body_of(row) for row in ROWS if len(body_of(row)) < 2000]
# One source serves all examples: which of them make signals does not matter.
IN_ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120, deadline=None)


@st.composite
def damaged_bodies(draw: st.DrawFn) -> bytes:
    """Return a known alert with some bytes cut out and others put in."""
    body = draw(st.sampled_from(GOOD_BODIES))
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 20)))
    return body[:start] + draw(st.binary(max_size=8)) + body[end:]


@st.composite
def odd_alerts(draw: st.DrawFn) -> bytes:
    """Return an acceptable alert with members of any kind beside, or instead of, its own."""
    members = draw(json_objects)
    replaced = draw(st.sampled_from(["symbol", "direction", "timeframe", "timestamp", "strategy", "close", "secret"]))
    odd = draw(st.one_of(st.none(), st.booleans(), st.text(), st.integers(), st.floats(), st.just(members)))
    return json.dumps({**members, **alert(**{replaced: odd})}).encode(errors="surrogatepass")


def is_well_answered(response: Any) -> bool:
    return response.status_code in ANSWERS and bool(response.json())


@pytest.mark.slow
@pytest.mark.django_db
@IN_ONE_DATABASE
@given(body=st.one_of(st.binary(max_size=300), damaged_bodies(), odd_alerts()), content_type=st.text(max_size=300))
@example(body=b"\x00", content_type="a\x00b")
@example(body=b'{"a":"\\ud800"}', content_type="")
@example(body=b'{"symbol":"SPY\\u0000"}', content_type="text/plain")
def test_no_body_makes_the_webhook_fail(body: bytes, content_type: str) -> None:
    if not value("SELECT count(*) FROM webhook_sources"):
        make_source(max_age_seconds=0)
    before = WebhookDelivery.objects.count()

    answer = send(body, CONTENT_TYPE=content_type.encode("utf-8", "replace").decode("latin-1"))

    assert is_well_answered(answer)
    assert WebhookDelivery.objects.count() == before + 1


@pytest.mark.slow
@pytest.mark.django_db
@IN_ONE_DATABASE
@given(
    token=st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=40),
    headers=st.fixed_dictionaries(
        {},
        optional={
            name: st.text(st.characters(max_codepoint=255), max_size=60)
            for name in ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_X_REQUEST_ID", "HTTP_ACCEPT")
        }
        # More than the body has would be an assertion of the test client itself.
        | {"CONTENT_LENGTH": st.sampled_from(("", "-1", "0", "1", "1.5", "²", "0x10", "many"))},
    ),
)
def test_no_address_or_header_makes_the_webhook_fail(token: str, headers: dict[str, Any]) -> None:
    # The test client drops line ends from an address that is not quoted; a server does not.
    assert send(token=quote(token), **headers).status_code == 401


@pytest.mark.slow
@pytest.mark.django_db
@IN_ONE_DATABASE
@given(
    remote=st.one_of(st.ip_addresses().map(str), st.text(st.characters(max_codepoint=255), max_size=60)),
    forwarded=st.text(st.sampled_from("0123456789abcdef.:[],%/ "), max_size=60),
    proxies=st.integers(0, 3),
)
@example(remote="fe80::1%eth0", forwarded="", proxies=0)
@example(remote="10.0.0.1", forwarded="1.2.3.4:443, [2001:db8::1]:80", proxies=2)
def test_no_sender_address_makes_the_webhook_fail(remote: str, forwarded: str, proxies: int) -> None:
    if not value("SELECT count(*) FROM webhook_sources"):
        make_source(allowed_addresses=["10.0.0.0/8", "2001:db8::/32", "no address", 7])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.TRUSTED_PROXIES", proxies)
        assert send(REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded).status_code in {200, 401}
