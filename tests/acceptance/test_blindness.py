"""Until an engine has answered it cannot tell whether it will trade for real, whatever it asks and however it guesses.

The same signal is played with either engine executed and with none. Every answer that an engine can get is compared to
the last byte of its body and headers, and so are the statements and locks that were needed for it, because time tells,
too. What the site tells anybody on its machine is compared as well. Only what is drawn or stamped anew each time is
masked: request ids, lease tokens, times and ages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from math import comb
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from experiments.core.decision import BUCKETS, assignment_hash, bucket_of
from experiments.models import ExecutionDecision
from experiments.worker.pipeline import drain
from kernel.canonical import sha256_hex
from kernel.rows import from_json
from outcomes.models import ExitDirective
from outcomes.services import case
from signals_app.alerts.documents import trade_id
from tests.factories import make_available, make_policy, make_signal
from tests.golden import VECTOR_KEY
from tests.outcomes.desk import (
    C70,
    C72_5_JULY,
    SIGNAL_TIME,
    EngineClient,
    leg,
    make_desk,
    neutral_quote,
    now,
    plan,
    quote,
    recommendation,
    trade,
)

pytestmark = pytest.mark.django_db

OTHER = {"A": "B", "B": "A"}
# How far the other engine is when this one asks.
STAGES = ["has not answered", "has answered", "has opened", "has closed"]
MASKS = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "<time>"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "<time>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "<drawn>"),
    (r"\b[0-9a-f]{32}\b", "<drawn>"),
    (r"(?m)^(orchestrator_\w+_seconds) \S+$", r"\1 <age>"),
    (r'(name="csrfmiddlewaretoken" value=)"\w+"', r'\1"<drawn>"'),
]


@dataclass
class Blind:
    """An engine that has claimed its work and not answered; it notes all that it can see."""

    name: str
    experiment: Any
    seen: list[tuple[str, str]] = field(default_factory=list)  # each call with its answer
    ran: list[tuple[str, list[str]]] = field(default_factory=list)  # each call with its statements

    def __post_init__(self) -> None:
        self.engine = EngineClient(self.name)

    def ask(self, method: str, path: str, body: Any = None) -> None:
        """Make one call, and note the whole answer and what ran for it."""
        send = getattr(self.engine.client, method)
        self._note(method, path, lambda: send(f"/api/v1/{path}", body, format="json"))

    def look(self, path: str) -> None:
        """Look at what is told without a key to anybody on this machine, and note it as well."""
        self._note("get", path, lambda: Client().get(path))

    def _note(self, method: str, path: str, send: Callable[[], Any]) -> None:
        counting = mock.patch.object(case, "from_json", wraps=from_json)
        with CaptureQueriesContext(connection) as queries, counting as made:
            response = send()
        headers = "".join(f"{name}: {value}\n" for name, value in sorted(response.headers.items()))
        told = f"{response.status_code}\n{headers}\n{response.content.decode()}"
        call = re.sub(r"/\d+/", "/<number>/", f"{method} {path}")
        self.seen.append((call, _masked(told)))
        # Whose key it is may still be remembered.
        shapes = [_shape(one["sql"]) for one in queries if "api_keys" not in one["sql"]]
        self.ran.append((call, [*shapes, f"{made.call_count} rows read"]))


def _masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text


def _shape(sql: str) -> str:
    """A statement without its values."""
    return re.sub(r"\b\d+(\.\d+)?\b|(?<=\"s)\d+_x\d+", "?", re.sub(r"'[^']*'", "?", sql))


def ask_everything(blind: Blind) -> None:
    """All calls that there are, with whatever an engine could guess."""
    experiment = blind.experiment
    own = {"experiment_id": str(experiment.pk)}
    guessed = [trade_id(experiment.pk, blind.name, kind) for kind in ("REAL", "SHADOW")]
    at = now()
    for _ in range(2):  # the second time nothing is left, and nothing is new
        blind.ask("post", "assignments/claim", {"limit": 5, "lease_seconds": 600, "wait_seconds": 0})
        blind.ask("get", f"assignments/{experiment.pk}")
        blind.ask("post", f"assignments/{experiment.pk}/renew", {"lease_seconds": 60})
        blind.ask("post", f"permits/{experiment.pk}/confirm", {})
        for kind in ("REAL", "SHADOW"):
            blind.ask("post", "trades", trade(experiment, kind, entry_time=at))
            blind.ask("post", "trades", trade(experiment, kind, entry_time=at, quantity="2"))
            blind.ask("post", "trades", own | {"kind": kind})
    blind.ask("get", "trades")
    blind.ask("get", "trades", own)
    blind.ask("get", "recommendations")
    for guess in guessed:
        blind.ask("get", f"trades/{guess}")
        closing = {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1"}
        blind.ask("post", f"trades/{guess}/fills", {"fill_ref": "1", "time": at, "legs": [closing]})
        blind.ask("post", f"trades/{guess}/exit", {"exit_time": at, "exit_price": "1", "exit_reason": "SIGNAL"})
        told = {"kind": "BUST", "of": "entry", "reason": "It was.", "evidence": "None."}
        blind.ask("post", f"trades/{guess}/amendments", told)
    blind.ask("get", "exit-directives")
    # Numbers are given in turn, so the latest is easily guessed.
    latest = ExitDirective.objects.order_by("-pk").values_list("pk", flat=True).first() or 1
    blind.ask("post", f"exit-directives/{latest}/report", {"quotes": {}})
    blind.ask("post", "recommendations", recommendation(experiment, context_hash="0" * 64))
    blind.ask("post", "recommendations", recommendation(experiment, plan=None))
    blind.ask("post", "recommendations", recommendation(experiment, plan=plan(leg(), leg())))
    blind.ask("post", "recommendations", recommendation(experiment, lease_token=str(UUID(int=1))))
    blind.ask("post", "recommendations", recommendation(experiment, action="DECLINE", plan=plan()))
    blind.ask("post", "recommendations", own)
    blind.ask("post", "heartbeat", {"engine_version": "1", "rules_hash": "a" * 64})
    for path in ("/healthz", "/readyz", "/metrics", "/api/v1/schema", "/api/v1/docs", "/admin/login/"):
        blind.look(path)
    for path in (
        "quote-requests",
        "experiments",
        f"experiments/{experiment.pk}",
        "performance",
        "evaluations",
    ):
        blind.ask("get", path)
    blind.ask("post", "quotes", {"quotes": []})
    blind.ask("post", "market-data", {"symbol": "SPY", "as_of": at, "data": {}})
    for path in ("trades", f"assignments/{experiment.pk}", f"permits/{experiment.pk}/confirm", "recommendations"):
        for method in ("put", "delete", "options"):
            blind.ask(method, path)


def let_the_other_work(blind: Blind, stage: str) -> None:
    """The other engine does its part in the role that it was told."""
    other, experiment = EngineClient(OTHER[blind.name]), blind.experiment
    role = ""

    def answer() -> None:
        nonlocal role
        role = other.recommend(experiment).body["role"]

    def open_it() -> None:
        if role == "REAL":
            other.post(f"permits/{experiment.pk}/confirm", {})
        opened = other.open(experiment, role, entry_time=now())
        assert opened.status == 201, opened.body

    def close_it() -> None:
        opened = trade_id(experiment.pk, other.name, role)
        moment = now()
        closed = other.close(opened, exit_time=moment, market_conditions={"quotes": {C70: _quote(moment)}})
        assert closed.status < 300, closed.body

    for step in (answer, open_it, close_it)[: STAGES.index(stage)]:
        step()


def _quote(moment: str) -> dict[str, str]:
    return {"bid": "1.99", "ask": "2.00", "quote_time": moment}


def play(name: str, executed: str | None, stage: str, moment: datetime, act: Callable[[Blind], None]) -> Blind:
    """Play one signal up to the stage and let the engine act, then take everything back."""
    with transaction.atomic():
        desk = make_desk(executed, recommended=False, replayed=False, timeframe="5m", timestamp=moment)
        blind = Blind(name, desk.experiment)
        let_the_other_work(blind, stage)
        act(blind)
        # The next one meets the same database.
        transaction.set_rollback(True)
    return blind


def differences(first: list[Any], second: list[Any]) -> list[Any]:
    """The calls that were answered, or worked on, in another way."""
    assert len(first) == len(second) > 0
    return [(one, other) for one, other in zip(first, second, strict=True) if one != other]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["A", "B"])
def test_no_answer_and_no_work_behind_it_tells_an_engine_its_role(name: str, stage: str) -> None:
    moment = datetime.now(UTC)

    real, shadow, nobody = (
        play(name, executed, stage, moment, ask_everything) for executed in (name, OTHER[name], None)
    )

    assert real.experiment.pk == shadow.experiment.pk == nobody.experiment.pk
    for other in (shadow, nobody):
        assert differences(real.seen, other.seen) == []
        assert differences(real.ran, other.ran) == []


def test_the_comparison_would_find_a_role_that_is_told() -> None:
    """The control: an answer reveals the role, and the work for a real trade is another."""
    moment = datetime.now(UTC)

    def trade_for_real(blind: Blind) -> None:
        blind.ask("post", "recommendations", recommendation(blind.experiment))
        blind.ask("post", "trades", trade(blind.experiment, "REAL", entry_time=now()))

    real, shadow = (play("A", executed, STAGES[0], moment, trade_for_real) for executed in "AB")

    assert len(differences(real.seen, shadow.seen)) == 2
    assert differences(real.ran, shadow.ran) != []


SUCCESSOR = {
    "instrument": C72_5_JULY, "becomes": "TWX   140719C00036250", "ratio": "2", "effective_at": "2014-06-05T15:00:00Z",
}  # fmt: skip
RENAMED = {
    "kind": "CORRECT",
    "of": "entry",
    "values": {"successor": SUCCESSOR},
    "reason": "A split.",
    "evidence": "OCC.",
}


def tell_around(*, is_busy: bool) -> str:
    """What B is told of two signals in which it has followed A, between which A trades a third one for real or not."""
    told = []
    with transaction.atomic():
        desks = [make_desk(timestamp=SIGNAL_TIME - timedelta(minutes=number)) for number in (3, 2, 1)]
        for number, desk in enumerate(desks):
            entered = f"2014-06-05T14:0{2 * number}:00Z"
            neutral_quote(C72_5_JULY, "0.97", "0.98", entered)
            if number != 1:
                desk.open_shadow(entry_time=entered)
                desk.a.close(desk.open_real())
                (directive,) = desk.b.pending()
                answers = [
                    desk.b.post(f"trades/{directive['trade_id']}/amendments", RENAMED),
                    desk.b.report(directive["id"], quotes={C72_5_JULY: quote()}),
                ]
                assert [answer.status for answer in answers] == [201, 200], answers
                told += [str(directive), *(str(answer.body) for answer in answers)]
            elif is_busy:
                real_id = desk.open_real()
                desk.a.close(real_id)
                bust = {"kind": "BUST", "of": "exit", "reason": "A notice.", "evidence": "The broker's."}
                assert desk.a.post(f"trades/{real_id}/amendments", bust).status == 201
                for second in range(10, 20):
                    neutral_quote(C70, "1.98", "1.99", f"2014-06-05T18:00:{second}Z")
        told.append(str(desks[0].b.get("trades").body))
        transaction.set_rollback(True)
    return _masked("\n".join(told))


def test_what_an_engine_is_told_elsewhere_counts_nothing_that_its_rival_does() -> None:
    """Numbers that are given in turn would: between two of its own it would see how many others there were."""
    assert tell_around(is_busy=False) == tell_around(is_busy=True)


@pytest.fixture(scope="module")
def signals() -> int:
    """Enough that a rule which is right in 75 of 100 cases would stand out among a million guesses."""
    return 300


def test_nothing_that_an_engine_is_given_computes_its_role(signals: int) -> None:
    make_available("A", "B")
    make_policy(configured_mode="SPLIT_CAPITAL", split_percentage="50")
    for number in range(signals):
        make_signal(symbol=f"S{number}")
    while drain():
        pass
    roles = {str(decision.pk): decision.executed_engine == "A" for decision in ExecutionDecision.objects.all()}
    given = claim_all("A")
    assert len(given) == len(roles) == signals
    is_real = _bits([roles[work["experiment_id"]] for work in given])

    best, guesses = best_guess(list(features(given)), is_real, signals)

    # Even the best of all guesses is what chance alone makes of so many: once in a million tests it is not.
    assert guesses * 2 * sum(comb(signals, right) for right in range(best, signals + 1)) / 2**signals > 1e-6
    # The control: who has the key knows.
    keyed = [bucket_of(assignment_hash(*ids_of(work), VECTOR_KEY)) < BUCKETS // 2 for work in given]
    assert best_guess([_bits(keyed)], is_real, signals)[0] == signals


def claim_all(name: str) -> list[dict[str, Any]]:
    """Everything that there is to do, as it is told."""
    client = EngineClient(name)
    found: list[dict[str, Any]] = []
    claim = {"limit": 100, "lease_seconds": 600, "wait_seconds": 0}
    while work := client.post("assignments/claim", claim).body["assignments"]:
        found += work
    return found


def ids_of(work: dict[str, Any]) -> tuple[str, str]:
    return work["signal"]["signal_id"], work["signal"]["signal_hash"]


def features(given: list[dict[str, Any]]) -> Iterator[int]:
    """All that can be guessed by, as bits over the assignments: digests of what is told, and each bit of it."""
    texts = [_texts(work) for work in given]
    for column in zip(*texts, strict=True):
        widest = max(len(bits) for bits in column)
        for position in range(widest):
            yield _bits([bits[position : position + 1] == "1" for bits in column])
    # The split of version 1 and its like: the bucket of a digest without a key.
    for glue in ("", ":", "|", "-", "\n"):
        for parts in combinations(range(5), 2):
            names = [_told(work) for work in given]
            digests = [sha256_hex(glue.join(told[part] for part in parts).encode()) for told in names]
            yield _bits([bucket_of(digest) < BUCKETS // 2 for digest in digests])


def _told(work: dict[str, Any]) -> tuple[str, ...]:
    signal_id, signal_hash = ids_of(work)
    return signal_id, signal_hash, work["experiment_id"], work["context_hash"], work["signal"]["timestamp"]


def _texts(work: dict[str, Any]) -> list[str]:
    """What an assignment tells, as bits: ids and hashes, and the digits of its times."""
    numbers = [int(UUID(text)) if "-" in text else int(text, 16) for text in _told(work)[:4]]
    stamps = [int(re.sub(r"\D", "", work[name])) for name in ("distributed_at", "lease_expires_at", "answer_by")]
    digests = [int(sha256_hex(text.encode()), 16) for text in _told(work)]
    return [f"{number:0256b}" for number in (*numbers, *stamps, *digests)]


def _bits(values: list[bool]) -> int:
    return sum(value << number for number, value in enumerate(values))


def best_guess(features: list[int], wanted: int, size: int) -> tuple[int, int]:
    """How often the best rule is right, and of how many it is the best: a bit or two, or their opposite."""
    every = sorted(set(features))
    guesses = [*every, *(one ^ other for one, other in combinations(every[:1500], 2))]
    right = [size - (guess ^ wanted).bit_count() for guess in guesses]
    off = max(abs(2 * count - size) for count in right)
    return (size + off) // 2, len(guesses)
