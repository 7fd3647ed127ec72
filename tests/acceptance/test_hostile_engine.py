"""An engine that lies never looks better for it: what cannot be is refused, what is wrong is named, all is counted.

Each way is played over the API beside an honest twin, in a market that has fallen from a peak. The name of a test says
what is tried, what it is answered, and what it is worth; the truth is worth -0.5565 R.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from outcomes.models import Violation
from tests.acceptance import hostile_leavings, hostile_openings, hostile_purchases, hostile_sales
from tests.acceptance.hostile import Fallen, Game, Risen, gain, sides, trade_of_the_hostile, worth
from tests.acceptance.hostile_ways import NONE, Way
from tests.acceptance.twin_steps import leave

WAYS: list[Way] = [
    *hostile_openings.WAYS,
    *hostile_leavings.WAYS,
    *hostile_purchases.WAYS,
    *hostile_sales.WAYS,
]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_lie_is_worth_no_more_than_the_truth(way: Way) -> None:
    engine = way.game.play()

    a, b = sides(way.game.estimand)
    trade = trade_of_the_hostile()
    violated = Violation.objects.filter(engine="A").order_by("name").values_list("name", flat=True)
    assert [code for code in engine.codes if code] == ([way.refused] if way.refused else [])
    assert " ".join(violated) == way.violation
    if way.flag:
        assert trade is not None
        assert way.flag in trade.flags
    if way.provenance:
        assert trade is not None
        assert trade.exit_provenance == way.provenance
    assert round(worth(a), 4) == Decimal(way.worth)
    # What was refused before anything was known is worth 0, however the market went on.
    assert way.worth == NONE or gain(a, b) <= Decimal("1e-7")


@pytest.mark.parametrize("role", ["REAL", "SHADOW"])
def test_who_looks_first_and_takes_only_what_has_risen_pays_what_it_has_risen_to(role: str) -> None:
    Game(role, (leave,), looks_first=True, market=Risen).play()
    of_winners, honest = sides()

    # On losers it is not heard of, which is worth 0; what it made of the winners is all that it has.
    assert (of_winners.standing, honest.standing) == ("VALUED", "VALUED")
    assert worth(of_winners) < 0 < worth(honest)


@pytest.mark.parametrize("role", ["REAL", "SHADOW"])
def test_who_is_silent_about_what_has_fallen_is_worth_nothing(role: str) -> None:
    Game(role, (leave,), looks_first=True, market=Fallen).play()

    assert sides()[0].standing == "NO_ANSWER"
    assert worth(sides()[0]) == 0
