"""R1: both engines get one frozen market context with the signal."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection

from signals_app.models import MarketData
from tests.factories import MOMENT, api_client, make_experiment

pytestmark = pytest.mark.django_db


def test_r1_2_the_context_holds_timestamp_prices_and_market_data() -> None:
    MarketData.objects.create(symbol="SPY", as_of=MOMENT, received_at=MOMENT, source="feed", data={"vix": "15.20"})

    context = make_experiment("A", timestamp=MOMENT).signal.market_context.context

    assert context["signal"]["timestamp"] == "2026-03-16T14:30:00.000000Z"
    assert context["prices"] == {"close": "568.25"}
    assert context["market_data"]["data"] == {"vix": "15.20"}


def test_r1_3_both_engines_get_the_same_bytes() -> None:
    make_experiment("A")
    claimed = [
        api_client(owner).post("/api/v1/assignments/claim", {"limit": 1}).json()["assignments"][0]
        for owner in ("engine-a", "engine-b")
    ]
    for assignment in claimed:
        del assignment["lease_expires_at"]

    assert claimed[0] == claimed[1]


def test_r1_5_distribution_time_and_context_hash_are_recorded_for_audit() -> None:
    experiment = make_experiment("A")
    with connection.cursor() as cursor:
        cursor.execute("SELECT context::text FROM market_contexts")
        (text,) = cursor.fetchone()

    distributions = experiment.distributions.all()

    assert {d.engine for d in distributions} == {"A", "B"}
    assert {d.context_hash for d in distributions} == {hashlib.sha256(text.encode()).hexdigest()}
    assert all(d.distributed_at >= experiment.created_at for d in distributions)
