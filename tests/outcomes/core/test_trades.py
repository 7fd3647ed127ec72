"""What prices deserve to be called, and codes that know their words."""

from __future__ import annotations

from itertools import combinations

import pytest

from outcomes.core.quoting import weakest
from outcomes.core.trades import PairRule, Provenance

STRONGEST_FIRST = [
    Provenance.BROKER_FILL,
    Provenance.NEUTRAL_QUOTE,
    Provenance.SETTLEMENT,
    Provenance.SAME_SNAPSHOT_QUOTE,
    Provenance.OWN_FEED_QUOTE,
    Provenance.MODEL,
    Provenance.UNPRICED,
]


@pytest.mark.parametrize(("stronger", "weaker"), list(combinations(STRONGEST_FIRST, 2)))
def test_a_price_made_of_several_is_called_by_its_weakest(stronger: Provenance, weaker: Provenance) -> None:
    assert weakest([stronger, weaker]) == weakest([weaker, stronger]) == weaker


def test_every_provenance_has_its_strength() -> None:
    assert weakest(list(Provenance)) == Provenance.UNPRICED
    assert set(STRONGEST_FIRST) == set(Provenance)


def test_a_code_is_its_text_and_knows_its_words() -> None:
    rule = PairRule["PLAN_DIFFERS"]

    assert rule == "PLAN_DIFFERS"
    assert f"{rule}: {rule.words}" == "PLAN_DIFFERS: Traded something else, or more, than planned."
