"""The bodies that docs/engines.md shows are accepted as they stand, with the ids of what was claimed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from outcomes.models import RealOutcome, ShadowOutcome
from tests.outcomes.desk import RULES_HASH, leg, make_desk, plan

pytestmark = pytest.mark.django_db


def shown_bodies() -> dict[str, Any]:
    """Each body under "One assignment", by its call."""
    guide = (Path(settings.BASE_DIR) / "docs" / "engines.md").read_text()
    (block,) = re.findall(r"```json\n(POST heartbeat\n.*?)```", guide, re.DOTALL)
    return {call: json.loads(body) for call, body in re.findall(r"POST (\S+)\n(\{.*?\})\n(?=\n|\Z)", block, re.DOTALL)}


def test_a_trade_goes_from_claim_to_exit_by_the_bodies_of_the_guide() -> None:
    desk, bodies = make_desk(recommended=False), shown_bodies()
    heard = desk.a.post("heartbeat", bodies["heartbeat"] | {"rules_hash": RULES_HASH})
    claim = desk.a.post("assignments/claim", bodies["assignments/claim"]).body
    (work,) = claim["assignments"]
    ids, token = {"experiment_id": work["experiment_id"]}, {"lease_token": claim["lease_token"]}
    known = ids | token | {"context_hash": work["context_hash"], "rules_hash": RULES_HASH}
    renew = "assignments/{experiment_id}/renew"

    renewed = desk.a.post(renew.format(**ids), bodies[renew] | token)
    role = desk.a.post("recommendations", bodies["recommendations"] | known)
    confirmed = desk.a.confirm(desk.experiment)
    trade = desk.a.post("trades", bodies["trades"] | ids)
    desk.b.recommend(desk.experiment, plan=plan())
    desk.open_shadow(legs=[leg()])
    own = f"trades/{trade.body['trade_id']}"
    filled = desk.a.post(f"{own}/fills", bodies["trades/{id}/fills"])
    (directive,) = desk.b.pending()
    followed = desk.b.post(f"exit-directives/{directive['id']}/report", bodies["exit-directives/{id}/report"])
    closed = desk.a.post(f"{own}/exit", bodies["trades/{id}/exit"])

    assert (heard.status, renewed.status, role.body["role"], confirmed.status) == (200, 200, "REAL", 200)
    assert (trade.status, filled.status, followed.body["state"]) == (201, 201, "DONE")
    assert (trade.body["snapshot_instruments"], filled.body["snapshot_instruments"]) == ([], [leg()["instrument"]])
    assert closed.body["status"] == "CLOSED"
    assert {"signal", "market_context", "answer_by"} <= work.keys()
    # Half of the shadow at 1.60, its engine's own bid, and half at 1.99, that of the real exit's conditions.
    assert str(RealOutcome.objects.get()) == "A 31.40"
    assert str(ShadowOutcome.objects.get()) == "B 40.50"
