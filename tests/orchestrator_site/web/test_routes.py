"""A call of the API gets the view that Django would find for its path."""

from __future__ import annotations

import re

import pytest
from django.urls import Resolver404, resolve
from django.urls.resolvers import URLPattern

from orchestrator_site.web.handling import API, _calls, documented, resolve_call

ID = "0F8FAD5B-d9cb-469f-a165-70867728950e"
SAMPLES = {"id": ID, "directive": f"{ID}.12", "str": "a name"}


def api_patterns() -> list[URLPattern]:
    """All URLs of the API."""
    return [pattern for patterns in _calls("orchestrator_site.urls").values() for pattern in patterns]


def test_every_call_is_found_as_django_finds_it() -> None:
    assert len(api_patterns()) > 30
    for pattern in api_patterns():
        path = API + re.sub(r"<(?:(\w+):)?\w+>", lambda part: SAMPLES[part[1] or "str"], str(pattern.pattern))
        ours, django = resolve_call(path), resolve(path)

        for name in ("func", "args", "kwargs", "route", "url_name", "captured_kwargs", "extra_kwargs"):
            assert getattr(ours, name) == getattr(django, name), (path, name)


@pytest.mark.parametrize(
    "rest", ["", "trades/", "trades/1", "heartbeat/", "elsewhere", "trades/%00", "assignments/claim/x"]
)
def test_what_is_no_call_is_refused_as_django_refuses_it(rest: str) -> None:
    with pytest.raises(Resolver404) as ours:
        resolve_call(API + rest)
    with pytest.raises(Resolver404) as django:
        resolve(API + rest)

    assert ours.value.args[0]["path"] == django.value.args[0]["path"]


def test_a_route_is_written_as_in_the_document() -> None:
    assert documented(resolve("/api/v1/trades/0f8fad5b-d9cb-469f-a165-70867728950e/fills").route) == (
        "trades/{trade_id}/fills"
    )
