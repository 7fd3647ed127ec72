"""An engine that is killed between any two calls goes on from what the API says, without a second trade or a lost fill.

It is a process, and dies by SIGKILL: before a call goes out, or when its answer has come and nobody has read it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kernel.actors import Actor
from outcomes.models import Incident, RealTrade, Recommendation, ShadowTrade, Violation
from policies.services import create_api_key
from tests.acceptance import resuming_engine
from tests.acceptance.resuming_engine import CALL, MARKET, PLAN
from tests.outcomes.desk import Desk, make_desk, now, quote, recommendation

pytestmark = pytest.mark.django_db(transaction=True)

WHEN = pytest.mark.parametrize("when", ["before", "after"])


@dataclass
class Mortal:
    """Engine A as a process, which can be killed and started anew."""

    url: str
    folder: Path
    key: str

    def live(self, *dies: str) -> int:
        """Start it and wait for its end; the exit status, negative for the signal that killed it."""
        ended = subprocess.run(
            [sys.executable, resuming_engine.__file__, self.url, str(self.folder), *dies],
            env={**os.environ, "ORCHESTRATOR_API_KEY": self.key},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        return ended.returncode


@pytest.fixture
def engine(live_server: Any, tmp_path: Path) -> Mortal:
    key = create_api_key(Actor("tests"), owner="engine-a", name="mortal")[1]
    return Mortal(live_server.url, tmp_path, key)


def a_desk(executed: str) -> Desk:
    """A live signal that B has answered by the same plan, and opened."""
    desk = make_desk(executed, recommended=False, replayed=False, timeframe="5m", timestamp=datetime.now(UTC))
    role = desk.b.post("recommendations", recommendation(desk.experiment, plan=PLAN)).body["role"]
    if role == "REAL":
        desk.b.post(f"permits/{desk.experiment.pk}/confirm", {})
    at = now()
    legs = [{"instrument": CALL, "side": "LONG", "ratio": 1, "entry_price": MARKET["entry"][1]}]
    opened = desk.b.open(
        desk.experiment,
        role,
        legs=legs,
        quantity=PLAN["quantity"],
        entry_time=at,
        entry_quotes={CALL: quote(*MARKET["entry"], at)},
    )
    assert opened.status == 201, opened.body
    return desk


def sell(desk: Desk) -> None:
    """B, which trades for real, sells a half and then the rest."""
    trade = RealTrade.objects.get(engine="B")
    leg = {"instrument": CALL, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": MARKET["part"][0]}
    part = desk.b.post(f"trades/{trade.pk}/fills", {"fill_ref": "part", "time": now(), "legs": [leg]})
    rest = desk.b.close(trade.pk, exit_time=now(), exit_price=MARKET["exit"][0], market_conditions={})
    assert (part.status, rest.status) == (201, 200), (part.body, rest.body)


def fills_of(trade: RealTrade | ShadowTrade) -> list[tuple[str, str, str]]:
    return [
        (fill.fill_ref, leg["quantity"], leg["price"]) for fill in trade.fills.order_by("number") for leg in fill.legs
    ]


def assert_nothing_is_wrong() -> None:
    assert Recommendation.objects.filter(engine="A").count() == 1
    assert not Incident.objects.exists()
    assert not Violation.objects.exists()


@WHEN
@pytest.mark.parametrize("call", ["heartbeat", "claim", "renew", "answer", "confirm", "open", "fill", "exit"])
def test_a_real_trade_goes_on_where_its_engine_was_killed(engine: Mortal, call: str, when: str) -> None:
    a_desk("A")

    assert engine.live(call, when) == -signal.SIGKILL
    assert engine.live() == 0

    trade = RealTrade.objects.get()
    assert fills_of(trade) == [("entry", "2", "2.00"), ("part", "1", "2.45"), ("exit", "1", "2.90")]
    assert trade.status == "CLOSED"
    assert [outcome.pnl for outcome in trade.outcomes.all()] == [135]
    assert not ShadowTrade.objects.filter(engine="A").exists()
    assert_nothing_is_wrong()


@WHEN
@pytest.mark.parametrize("call", ["claim", "renew", "answer", "open", "own exit", "follow"])
def test_a_shadow_goes_on_where_its_engine_was_killed(engine: Mortal, call: str, when: str) -> None:
    desk = a_desk("B")

    if call == "follow":
        assert engine.live() == 0
        sell(desk)
        assert engine.live(call, when) == -signal.SIGKILL
    else:
        assert engine.live(call, when) == -signal.SIGKILL
        assert engine.live() == 0
        sell(desk)
    assert engine.live() == 0

    shadow = ShadowTrade.objects.get()
    assert fills_of(shadow) == [("entry", "2", "2.00"), ("directive-1", "1", "2.45"), ("directive-2", "1", "2.90")]
    assert shadow.status == "CLOSED"
    assert shadow.own_exit.pnl == 180
    assert not RealTrade.objects.filter(engine="A").exists()
    assert_nothing_is_wrong()


def test_an_engine_that_lives_on_has_nothing_more_to_tell(engine: Mortal) -> None:
    a_desk("A")

    assert [engine.live() for _ in range(3)] == [0, 0, 0]

    assert len(fills_of(RealTrade.objects.get())) == 3
    assert_nothing_is_wrong()
