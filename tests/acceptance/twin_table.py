"""The table at which twins play, and how they stand in the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rest_framework.test import APIClient

from experiments.models import ExecutionDecision
from experiments.worker.pipeline import drain
from kernel.values import format_timestamp
from outcomes import services
from outcomes.core.evaluation import SYNCHRONISED
from outcomes.core.values import Record, difference
from outcomes.models import OwnExit
from outcomes.standings import sides_of
from tests.acceptance.twin_steps import Step
from tests.acceptance.twins import CLAIMED_AT_ONCE, QUOTES, Leg, Market, Twin
from tests.factories import api_client, make_source
from tests.signals_app.webhook.webhook import alert, send

TOLERANCE = Decimal("1e-7")


@dataclass
class Table:
    """The market, both engines and the feeder around one orchestrator."""

    market: Market
    a: Twin
    b: Twin
    feeder: APIClient | None

    def signal(self, executed: set[str | None], at_least: int = 1) -> int:
        """Let alerts come in and be decided until each of these has its turn; return how many there were."""
        for number in range(1, 200):
            body = alert(
                symbol="XYZ", order_id=str(number), timestamp=format_timestamp(self.market.now()), timeframe="1d"
            )
            assert send(body).json()["status"] == "accepted"
            assert drain() == 1
            if number >= at_least and executed == set(
                ExecutionDecision.objects.values_list("executed_engine", flat=True)
            ):
                return number
        raise AssertionError(f"{executed} have not all had a turn")

    def quote(self) -> None:
        """Let the feeder say that everything stands as it does."""
        if self.feeder is not None:
            quotes = [{"instrument": name} | self.market.quote(name) for name in QUOTES]
            assert self.feeder.post("/api/v1/quotes", {"quotes": quotes}, format="json").status_code < 300

    def enter(self, *engines: Twin) -> None:
        """Let the engines open one after the other, each at the quotes that stand; nothing has changed in between."""
        # How many signals there are is a matter of their hashes, and a claim takes no more than these.
        for _ in range(0, ExecutionDecision.objects.count(), CLAIMED_AT_ONCE):
            for engine in engines or (self.a, self.b):
                self.market.move(0)
                engine.enter()
                self.market.move(0)
                self.quote()
                services.settle_due()

    def leave(self, steps: Sequence[Step]) -> None:
        """Let both take the same steps, the last of them in the last phase."""
        for number, step in enumerate(steps, start=1):
            self.take(step, 2 if number == len(steps) else 1)

    def take(self, step: Step, phase: int) -> None:
        """Let both take one step in a phase of the market."""
        self.market.move(phase)
        self.quote()
        for engine in (self.a, self.b):
            engine.step(step)
        services.settle_due()
        for engine in (self.a, self.b):
            engine.follow()

    def wait_for_own_exits(self) -> None:
        """Neutral quotes have five seconds to arrive."""
        until = time.monotonic() + 10
        while OwnExit.objects.filter(state="PENDING").exists() and time.monotonic() < until:
            time.sleep(0.2)
            services.settle_due()


def make_table(*, feeder: bool = True, replayed: bool = False) -> Table:
    """A table with a neutral feed or without one, live or replayed."""
    make_source(replay=replayed, max_age_seconds=0 if replayed else 300)
    market = Market(replayed)
    return Table(market, Twin("A", market), Twin("B", market), api_client("feeder") if feeder else None)


def dress(table: Table, legs: Sequence[Leg], quantity: str = "3", **changes: Any) -> None:
    """Give both twins the same plan and size; A's broker charges, B's pays a rebate."""
    for twin, fees in ((table.a, "0.65"), (table.b, "-0.17")):
        twin.legs, twin.broker_fees, twin.quantity = tuple(legs), fees, Decimal(quantity)
        for name, value in changes.items():
            setattr(twin, name, value)


def standings(estimand: str = SYNCHRONISED) -> list[str]:
    """How A and B stand in each experiment; where both are valued their difference must be nothing."""
    found = []
    for decision in ExecutionDecision.objects.order_by("experiment__signal__order_id"):
        sides = sides_of(decision, estimand)
        apart = difference(sides["A"], sides["B"], metric="R", record_a=Record(), record_b=Record())
        found.append(f"{sides['A'].standing} {sides['B'].standing}")
        if found[-1] == "VALUED VALUED":
            assert abs(apart.low) <= TOLERANCE, sides
            assert apart.low == apart.high
    return found
