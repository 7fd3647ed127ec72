"""The OpenAPI document: complete, without warnings, and no call it describes can be made to fail with a 500."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import Client
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from hypothesis import HealthCheck, assume, given, settings
from rest_framework.test import APIRequestFactory
from schemathesis import GenerationMode

from experiments import distribution
from kernel.actors import Actor
from orchestrator_site import urls
from orchestrator_site.api_schema.generation import operations
from orchestrator_site.api_schema.views import SchemaView
from orchestrator_site.web.calls import SiteHandler
from policies.services import create_api_key
from tests.factories import make_experiment

# Of the engines one: they differ in whose rows they see, and generated ids meet none.
OWNERS = ("engine-a", "feeder", "analyst")


def openapi() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_every_documented_call_is_there_and_the_document_makes_no_warning() -> None:
    paths = {path.removeprefix("/api/v1/") for path in openapi()["paths"]}

    assert paths >= {
        "heartbeat", "assignments/claim", "assignments/{experiment_id}", "recommendations", "trades",
        "assignments/{experiment_id}/renew",
        "permits/{experiment_id}/confirm",
        "trades/{trade_id}", "trades/{trade_id}/exit", "exit-directives", "exit-directives/{directive_id}/report",
        "evaluations", "evaluations/{name}", "experiments", "experiments/{experiment_id}", "performance", "market-data",
    }  # fmt: skip


@pytest.mark.django_db
def test_the_document_and_its_page_can_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings, "API_DOCS", False)
    try:
        closed: Any = importlib.reload(urls).urlpatterns
    finally:
        monkeypatch.undo()
        importlib.reload(urls)

    with pytest.raises(Resolver404):
        URLResolver(RegexPattern("^/"), closed).resolve("/api/v1/schema")
    assert URLResolver(RegexPattern("^/"), urls.urlpatterns).resolve("/api/v1/schema")


@pytest.mark.parametrize(("view", "meet"), [(SchemaView, False), (SpectacularAPIView, True)])
def test_no_two_threads_make_the_document_at_once(view: Any, meet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    both, met = threading.Barrier(2), []

    def made(*_: Any, **__: Any) -> dict[str, Any]:
        with suppress(threading.BrokenBarrierError):
            met.append(both.wait(10 if meet else 0.2))
        return {}

    monkeypatch.setattr(SchemaGenerator, "get_schema", made)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: view.as_view()(APIRequestFactory().get("/")).status_code, range(2)))

    assert answers == [200, 200]
    assert bool(met) == meet


def test_the_documentation_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs").content.decode()

    assert "swagger-ui" in page
    assert "https://" not in page


def test_every_body_header_and_error_code_has_an_example() -> None:
    lacking: list[tuple[str, ...]] = []
    for _, operation in operations(openapi()):
        name, sent = operation["operationId"], operation.get("requestBody", {}).get("content", {})
        lacking += [(name, "request") for form in sent.values() if not form.get("examples")]
        for status, answer in operation["responses"].items():
            lacking += [(name, status, header) for header, one in answer["headers"].items() if "example" not in one]
            shown = {code for form in answer.get("content", {}).values() for code in form.get("examples", {})}
            if int(status) >= HTTPStatus.BAD_REQUEST:
                codes = re.findall(r"`(\w+)`", answer["description"])
                lacking += [(name, status, code) for code in codes if code not in shown]
            elif "content" in answer and not shown:
                lacking.append((name, status, "body"))

    assert not lacking


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)  # a real request closes what a transaction around the test would need
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_schemathesis_finds_nothing_with_any_kind_of_key(mode: GenerationMode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call under each kind of key: what fits the document is taken, what does not is refused, both as it says."""
    # Calls may ask to wait up to 25 seconds: whenever one looks at the clock, more have gone by.
    monkeypatch.setattr(distribution, "monotonic", itertools.count(step=2 * distribution.MAX_WAIT_SECONDS).__next__)
    make_experiment("A")
    keys = [create_api_key(Actor("tests"), owner=owner, name=owner)[1] for owner in OWNERS]
    document = schemathesis.openapi.from_dict(openapi())
    document.app = SiteHandler()

    for result in document.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # the document was validated above

        # To make up an input takes longer than to answer it.
        @settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case[Any]) -> None:
            # No value of a parameter without a name: nothing is sent that could be refused.
            assume("" not in case.query)
            for key in keys:
                headers = {"Authorization": f"Api-Key {key}", "Accept-Encoding": "identity"}
                case.call_and_validate(headers=headers)

        check()
