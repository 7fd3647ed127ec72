"""How answers leave the site: compressed for whoever takes it, and with what a browser may load and run for them."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from orchestrator_site.web.handling import COMPRESSED_FROM, CompressionMiddleware
from tests.orchestrator_site.console.rows import logged_in, make_everything

pytestmark = pytest.mark.django_db

ENOUGH = "signals and decisions " * 40
TAKES_GZIP = {"Accept-Encoding": "gzip, br"}
MOST_OF_THE_OVERVIEW = 40_000


def compressed(response: Any, method: str = "GET") -> Any:
    request = RequestFactory(headers=TAKES_GZIP).generic(method, "/admin/")
    return CompressionMiddleware(lambda _: response)(request)


def policy_of(answer: Any) -> dict[str, str]:
    """Return the sources by directive."""
    said = answer.headers["Content-Security-Policy"]
    return {one.split()[0]: " ".join(one.split()[1:]) for one in said.split("; ")}


def test_the_overview_with_everything_on_it_is_small() -> None:
    make_everything()

    answer = logged_in("operator").get(reverse("admin:index"), headers=TAKES_GZIP)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert len(answer.content) < MOST_OF_THE_OVERVIEW
    assert b"Trading Orchestrator" in gzip.decompress(answer.content)


def test_whoever_takes_no_gzip_gets_the_page_as_it_is() -> None:
    answer = logged_in("operator").get(reverse("admin:index"))

    assert "Content-Encoding" not in answer.headers
    assert b"Trading Orchestrator" in answer.content


def test_the_same_page_has_another_length_each_time() -> None:
    """Whoever can make a browser ask again and counts bytes learns nothing of the secrets on the page (BREACH)."""
    lengths = {len(compressed(HttpResponse(ENOUGH)).content) for _ in range(50)}

    assert len(lengths) > 5


@pytest.mark.parametrize("response", [
    StreamingHttpResponse(iter(["{}\n"] * 90), content_type="application/x-ndjson"),
    HttpResponse(ENOUGH, content_type="font/woff2"),
    HttpResponse(ENOUGH, status=206),
], ids=["progress", "font", "part of a file"])  # fmt: skip
def test_what_would_suffer_is_not_compressed(response: Any) -> None:
    assert "Content-Encoding" not in compressed(response).headers


def test_an_answer_without_a_body_stays_without_one() -> None:
    assert "Content-Encoding" not in compressed(StreamingHttpResponse(iter([ENOUGH])), "HEAD").headers


def test_of_the_api_only_long_answers_are_compressed() -> None:
    document = Client().get("/api/v1/schema", headers=TAKES_GZIP)
    refused = Client().get("/api/v1/nowhere", headers=TAKES_GZIP)

    assert len(gzip.decompress(document.content)) > COMPRESSED_FROM
    assert document.headers["Content-Length"] == str(len(document.content))
    assert "Content-Encoding" not in refused.headers
    assert json.loads(refused.content)["code"] == "not_found"


def test_the_admin_loads_and_runs_only_what_comes_from_here() -> None:
    policy = policy_of(logged_in("operator").get(reverse("admin:index")))

    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert (policy["default-src"], policy["form-action"], policy["frame-ancestors"]) == ("'self'", "'self'", "'none'")


@pytest.mark.parametrize(("address", "expected"), [
    ("/nowhere", {"default-src": "'none'", "style-src": "'self'", "img-src": "'self'"}),
    ("/api/v1/docs", {"default-src": "'none'", "script-src": "'self'", "connect-src": "'self'"}),
    ("/api/v1/schema", {"default-src": "'none'"}), ("/api/v1/nowhere", {"default-src": "'none'"}),
    ("/healthz", {"default-src": "'none'"}), ("/webhooks/tradingview/nobody/", {"default-src": "'none'"}),
    ("/static/admin_kit/charts.js", {"default-src": "'none'"}),
])  # fmt: skip
def test_every_other_answer_may_load_no_more_than_it_needs(address: str, expected: dict[str, str]) -> None:
    with closing(Client().get(address)) as answer:
        policy = policy_of(answer)

    assert {name: policy[name] for name in expected} == expected
    assert policy["frame-ancestors"] == "'none'"
    assert not any("http" in sources or "*" in sources or "unsafe-eval" in sources for sources in policy.values())


def test_a_call_that_takes_no_gzip_is_answered_without() -> None:
    answer = Client().get("/api/v1/schema")

    assert "Content-Encoding" not in answer.headers
    assert len(answer.content) > COMPRESSED_FROM
