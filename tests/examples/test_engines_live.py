"""The client and both example engines against the real server and database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import engine_a
import engine_b
import pytest
from engine_loop import EngineLoop
from feeder.command import BARS, quote_once
from feeder.market import Market
from journal import Journal
from orchestrator_client import OrchestratorClient, OrchestratorError, verify_context_hash
from positions import Strategy

from demo.accounts import SOURCE, use_split_policy
from demo.alerts import alert_message
from demo.counts import count
from demo.sender import AlertSender
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from orchestrator_site.invariants import verify
from outcomes.models import DirectiveState, ExitDirective, Incident, OwnExit, RealTrade, ShadowTrade, TradeFill
from outcomes.services import settle_due
from policies.services import create_api_key
from signals_app.models import Signal
from signals_app.webhook.sources import create_source, webhook_path
from tests.demo.daily import daily_bars
from tests.factories import make_policy
from tests.processes.harness import wait_until

pytestmark = pytest.mark.slow

STRATEGIES = {"a": engine_a.STRATEGY, "b": engine_b.STRATEGY}


class Desk:
    """A running site with a client for each engine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys = {
            owner: create_api_key(Actor("tests"), owner=owner, name=owner)[1]
            for owner in ("engine-a", "engine-b", "analyst")
        }
        self._clients: list[OrchestratorClient] = []
        self._path = webhook_path(create_source(slug=SOURCE, replay=True)[1])

    def client(self, owner: str) -> OrchestratorClient:
        client = OrchestratorClient(self.url, self._keys[owner], attempts=1)
        self._clients.append(client)
        return client

    def engine(self, engine: str, journal: Journal | None = None) -> EngineLoop:
        """An engine that has sent its heartbeat."""
        strategy: Strategy = STRATEGIES[engine]
        client = self.client(f"engine-{engine}")
        client.heartbeat(engine_version=strategy.version, rules_hash=strategy.rules_hash)
        return EngineLoop(client, strategy, journal or Journal(None))

    def feeder(self) -> Callable[[], object]:
        """What asks once for what to quote, and quotes it; from now on neutral quotes are expected."""
        self._keys["feeder"] = create_api_key(Actor("tests"), owner="feeder", name="feeder")[1]
        client, market = self.client("feeder"), Market(BARS)
        return lambda: quote_once(client, market, 0)

    def send(self, bars: int, *tickers: str) -> AlertSender:
        """Send the first bars of the demo, or of some of its tickers, and decide them."""
        alerts = [alert_message(item) for item in daily_bars(bars, *tickers)]
        sender = AlertSender(self.url, self._path, [alerts], day_seconds=0)
        sender.run()
        drain()
        return sender

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def desk(live_server: Any) -> Iterator[Desk]:
    desk = Desk(live_server.url)
    yield desk
    desk.close()


def work_until_idle(*engines: EngineLoop) -> None:
    """Let the engines take turns until nothing comes any more, then close what waited for the other."""
    while sum(engine.work_once(0) for engine in engines):
        pass
    for _ in range(2):
        for engine in engines:
            engine.leave_open_positions()
            engine.work_once(0)
        settle_due()  # what the worker does every second


def test_two_engines_trade_the_demos_alerts_to_the_end_and_every_invariant_holds(desk: Desk) -> None:
    use_split_policy()
    a, b = desk.engine("a"), desk.engine("b")

    sender = desk.send(36, "IBM", "MSFT")
    work_until_idle(b, a)

    assert sender.answers == {"accepted": 36}
    assert count().is_complete
    assert [finding.invariant.name for finding in verify("traded", source=SOURCE) if finding.rows] == []
    assert set(RealTrade.objects.values_list("engine", flat=True)) == {"A", "B"}
    assert not Incident.objects.exists()
    # Engine A quotes the shadow's contract in its exits, engine B leaves that to A.
    followed = ExitDirective.objects.filter(state=DirectiveState.DONE)
    provenances = set(followed.values_list("shadow_engine", "shadow_trade__exit_provenance"))
    assert provenances == {("A", "MODEL"), ("B", "SAME_SNAPSHOT_QUOTE")}
    assert TradeFill.objects.filter(fill_ref="first-target").exists()
    assert OwnExit.objects.filter(state="DONE").count() == ShadowTrade.objects.count()


def test_with_a_feeder_its_quotes_price_both_shadows_and_a_worthless_contract_is_settled(desk: Desk) -> None:
    make_policy(configured_mode="SPLIT_CAPITAL")  # quotes may take a minute
    a, b, feed = desk.engine("a"), desk.engine("b"), desk.feeder()

    desk.send(38, "IBM")
    work_until_idle(b, a)
    assert set(ShadowTrade.objects.values_list("status", flat=True)) == {"OPENING"}
    wait_until(lambda: (feed(), settle_due()) and count().is_complete, seconds=30, what="the price of every exit")

    assert [finding.invariant.name for finding in verify("traded", source=SOURCE) if finding.rows] == []
    shadows = TradeFill.objects.filter(shadow_trade__isnull=False)
    provenances = set(shadows.values_list("price_provenance", flat=True))
    assert provenances <= {"NEUTRAL_QUOTE", "SETTLEMENT", "OWN_FEED_QUOTE"}
    assert shadows.filter(fill_ref="directive-1", price_provenance="NEUTRAL_QUOTE").exists()
    (expired,) = TradeFill.objects.filter(reason="EXPIRED")
    assert [(Decimal(leg["price"]), leg["settlement"]["kind"]) for leg in expired.legs] == [(Decimal(0), "EXPIRED")]


def test_without_a_real_trade_both_shadows_leave_by_their_own_rules(desk: Desk) -> None:
    make_policy(configured_mode="SHADOW_ONLY")
    a, b = desk.engine("a"), desk.engine("b")

    desk.send(16)
    work_until_idle(a, b)

    assert not RealTrade.objects.exists()
    assert all("UNPAIRED" in flags for flags in ShadowTrade.objects.values_list("flags", flat=True))
    assert set(ShadowTrade.objects.values_list("engine", flat=True)) == {"A", "B"}
    assert count().is_complete


def test_nothing_stays_open_when_one_engine_comes_long_after_the_other(desk: Desk) -> None:
    use_split_policy()
    a, b = desk.engine("a"), desk.engine("b")
    desk.send(20)

    work_until_idle(a)
    work_until_idle(b)
    work_until_idle(a)

    assert count().is_complete
    assert [finding.invariant.name for finding in verify("traded", source=SOURCE) if finding.rows] == []


def test_an_engine_that_was_killed_takes_up_its_trades_from_the_journal(desk: Desk, tmp_path: Path) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    b = desk.engine("b")
    with Journal(tmp_path / "a") as journal:
        killed = desk.engine("a", journal)
        desk.send(28)  # more than one claim, so that the last bars have not come when it is killed
        killed.work_once(0)
    opened = RealTrade.objects.filter(status="OPEN").count()
    assert opened

    with Journal(tmp_path / "a") as journal:
        restarted = desk.engine("a", journal)
        restarted.recover()
        work_until_idle(restarted, b)

    assert not RealTrade.objects.filter(status="OPEN").exists()
    assert count().is_complete


def test_a_journal_of_another_database_does_not_stop_an_engine(desk: Desk, tmp_path: Path) -> None:
    foreign = {
        "experiment_id": "00000000-0000-5000-8000-000000000000",
        "context_hash": "0" * 64,
        "market_context": {
            "signal": {"symbol": "AAPL", "direction": "LONG", "timestamp": "2008-01-02T21:00:00.000000Z"},
            "prices": {"close": "200"},
            "indicators": {"high_4": 100.0},
        },
    }
    with Journal(tmp_path / "a") as journal:
        journal.note_assignment(foreign)

    with Journal(tmp_path / "a") as journal:
        engine = desk.engine("a", journal)
        engine.recover()

        assert engine.work_once(0) == 0


def test_alerts_sent_again_are_duplicates_and_make_nothing_new(desk: Desk) -> None:
    desk.send(8)

    again = desk.send(8)

    assert again.answers == {"duplicate": 8}
    assert Signal.objects.count() == 8


def test_a_refused_alert_is_counted_with_its_answer(desk: Desk) -> None:
    sender = AlertSender(desk.url, webhook_path("a-token-that-nobody-has"), [["{}"]], day_seconds=0)

    sender.run()

    assert sender.answers == {"rejected": 1}
    assert "unauthorized" in sender.rejections[0]


def test_an_assignment_reads_the_same_again_with_a_valid_context_hash(desk: Desk) -> None:
    client = desk.client("engine-a")
    desk.send(4)

    claimed = client.claim(limit=1, wait_seconds=0)[0]
    again = client.assignment(claimed["experiment_id"])

    verify_context_hash(claimed)
    assert again["market_context"] == claimed["market_context"]
    assert again["context_hash"] == claimed["context_hash"]


def test_another_answer_to_the_same_experiment_is_a_conflict(desk: Desk) -> None:
    client = desk.client("engine-a")
    desk.send(4)
    work = client.claim(limit=1, wait_seconds=0)[0]
    answer: dict[str, Any] = {
        "experiment_id": work["experiment_id"], "context_hash": work["context_hash"], "strategy_version": "1",
        "rules_hash": "f" * 64,
    }  # fmt: skip
    first = client.recommend(action="DECLINE", recommendation={"price": Decimal("1.10")}, **answer)

    assert client.recommend(action="DECLINE", recommendation={"price": Decimal("1.10")}, **answer) == first
    with pytest.raises(OrchestratorError) as caught:
        client.recommend(action="DECLINE", recommendation={"price": Decimal("1.11")}, **answer)

    assert (caught.value.status, caught.value.code) == (409, "conflict")
    assert caught.value.request_id


def test_a_wrong_key_and_a_wrong_field_are_told_apart(desk: Desk) -> None:
    with (
        OrchestratorClient(desk.url, "no-such.key", attempts=1) as stranger,
        pytest.raises(OrchestratorError) as caught,
    ):
        stranger.exit_directives()
    assert (caught.value.status, caught.value.code) == (401, "unauthorized")

    with pytest.raises(OrchestratorError) as caught:
        desk.client("engine-a").heartbeat(engine_version="1", rules_hash="short")
    assert caught.value.status == 400
    assert caught.value.errors[0]["pointer"] == "/rules_hash"


def test_an_analyst_reads_experiments_and_the_report(desk: Desk) -> None:
    desk.send(4)
    work_until_idle(desk.engine("a"), desk.engine("b"))
    analyst = desk.client("analyst")

    page = analyst.experiments()
    one = analyst.experiment(page["results"][0]["experiment_id"])
    report = analyst.performance(symbol="AAPL")

    assert one["experiment_id"] == page["results"][0]["experiment_id"]
    assert set(report["engines"]) == {"A", "B"}
    assert report["filters"]["symbol"] == "AAPL"
