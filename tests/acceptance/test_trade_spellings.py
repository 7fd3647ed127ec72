"""Numbers, times and contracts mean the same however they are written, and a retry is a repetition: over the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from outcomes.models import Incident, RealTrade, ShadowOutcome
from tests.outcomes.desk import C72_5_JULY, EXIT_TIME, leg, make_desk, quote, real_exit, trade

pytestmark = pytest.mark.django_db


def test_a_time_may_be_finer_than_a_microsecond_and_a_quotes_may_be_an_epoch() -> None:
    desk = make_desk()
    milliseconds = int(datetime.fromisoformat(EXIT_TIME).timestamp() * 1000)
    real = desk.open_real(entry_time="2014-06-05T14:00:00.123456789Z")
    desk.open_shadow()

    answer = desk.a.close(real, market_conditions={"quotes": {C72_5_JULY: quote() | {"quote_time": milliseconds}}})

    assert RealTrade.objects.get().entry_time.microsecond == 123456
    assert answer.body["quote_flags"] == {}
    assert ShadowOutcome.objects.get().pnl == 33


def test_a_contract_is_the_same_in_every_spelling() -> None:
    desk = make_desk()
    real = desk.open_real()
    desk.open_shadow()

    desk.a.close(real, market_conditions={"quotes": {"TWX140719C00072500": quote()}})

    assert ShadowOutcome.objects.get().pnl == 33


Respell = Callable[[dict[str, Any]], dict[str, Any]]


def without(name: str) -> Respell:
    return lambda body: {key: value for key, value in body.items() if key != name}


@pytest.mark.parametrize(
    "respelled",
    [
        lambda body: body | {"legs": [leg(entry_price="1.390")], "entry_price": "1.390"},
        lambda body: body | {"entry_time": "2014-06-05T14:00:00+00:00"},
        lambda body: body | {"entry_time": "2014-06-05T10:00:00-04:00", "quantity": "1.0"},
        lambda body: body | {"fees": "0"},
        lambda body: body | {"legs": [without("ratio")(leg("TWX140621C00070000"))]},
    ],
    ids=["1.390 for 1.39", "+00:00 for Z", "New York's clock", "a default said", "another spelling of the contract"],
)
def test_a_retry_in_another_spelling_is_a_repetition(respelled: Respell) -> None:
    desk = make_desk()
    body = trade(desk.experiment)
    first = desk.a.post("trades", body)

    again = desk.a.post("trades", respelled(body))

    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert not Incident.objects.exists()


def test_an_exit_retried_with_a_default_left_out_is_a_repetition() -> None:
    desk = make_desk()
    real = desk.open_real()
    first = desk.a.post(f"trades/{real}/exit", real_exit(fees="0.00", legs=[]))

    again = desk.a.post(f"trades/{real}/exit", real_exit(exit_price="1.990"))

    assert (first.status, again.status) == (200, 200)
    assert not Incident.objects.exists()
