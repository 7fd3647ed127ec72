"""A payload kept as jsonb has the canonical form it was hashed with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings

from kernel.canonical import canonical_json, to_jsonb_text
from tests.kernel.json_strategies import json_objects

pytestmark = pytest.mark.django_db


def through_jsonb(text: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (%s::jsonb)::text", [text])
        return json.loads(cursor.fetchone()[0])


# The database fixture is safe to share between examples: nothing is written.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_objects)
@example({"a": 1e22})
@example({"a": 2.0**53})
@example({"a": -1e16, "b": 10**16})
@example({"a": 1.7976931348623157e308})
@example({"a": 5e-324})
@example({"a": -0.0})
@example({"a": 0.1 + 0.2, "b": 568.10})
@example({"a": 10**300})
@example({"b": {"\U0001f600": 1, "\ufb33": 2}})
def test_a_payload_read_back_from_jsonb_has_the_same_canonical_form(payload: dict[str, Any]) -> None:
    assert canonical_json(through_jsonb(to_jsonb_text(payload))) == canonical_json(payload)


def test_ordinary_json_text_would_not_survive() -> None:
    payload = {"a": 1e22}

    assert canonical_json(through_jsonb(json.dumps(payload))) != canonical_json(payload)
