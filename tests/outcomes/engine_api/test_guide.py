"""The bodies that docs/engines.md shows are accepted as they stand, with the ids of what was claimed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from outcomes.models import RealOutcome
from tests.outcomes.desk import RULES_HASH, make_desk

pytestmark = pytest.mark.django_db


def shown_bodies() -> dict[str, Any]:
    """Each body under "One assignment", by its call."""
    guide = (Path(settings.BASE_DIR) / "docs" / "engines.md").read_text()
    (block,) = re.findall(r"```json\n(POST recommendations\n.*?)```", guide, re.DOTALL)
    return {call: json.loads(body) for call, body in re.findall(r"POST (\S+)\n(\{.*?\})\n(?=\n|\Z)", block, re.DOTALL)}


def test_a_trade_goes_from_claim_to_exit_by_the_bodies_of_the_guide() -> None:
    desk, bodies = make_desk(recommended=False), shown_bodies()
    claim = desk.a.post("assignments/claim", {}).body
    (work,) = claim["assignments"]
    ids = {"experiment_id": work["experiment_id"]}
    known = ids | {"context_hash": work["context_hash"], "lease_token": claim["lease_token"], "rules_hash": RULES_HASH}

    role = desk.a.post("recommendations", bodies["recommendations"] | known)
    confirmed = desk.a.confirm(desk.experiment)
    trade = desk.a.post("trades", bodies["trades"] | ids)
    closed = desk.a.post(f"trades/{trade.body['trade_id']}/exit", bodies["trades/{id}/exit"])

    assert (role.body["role"], confirmed.status, trade.status, closed.body["status"]) == ("REAL", 200, 201, "CLOSED")
    assert {"signal", "market_context", "answer_by"} <= work.keys()
    assert str(RealOutcome.objects.get()) == "A 20.70"
