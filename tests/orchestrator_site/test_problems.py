"""Refusals outside the calls themselves: still a problem document, never a page or a server error."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import api_client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/docs", "/api/v1/schema"])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_documentation_refuses_other_methods_in_json(client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert answer.json()["code"] == "method_not_allowed"


def test_the_documentation_page_has_no_options_to_show(client: Client) -> None:
    answer = client.options("/api/v1/docs")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/api/v1/heartbeat", "/webhooks/tradingview/a-token/"])
def test_a_host_that_is_not_allowed_is_told_how_to_be(client: Client, path: str) -> None:
    answer = client.post(path, headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert "ALLOWED_HOSTS" in answer.json()["detail"]


def test_people_see_a_page_for_a_host_that_is_not_allowed(client: Client) -> None:
    answer = client.get("/admin/", headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_wrong_hash_is_told_what_a_right_one_looks_like() -> None:
    answer = api_client("engine-a").post("/api/v1/heartbeat", {"engine_version": "1", "rules_hash": "r1"})

    assert answer.status_code == 400
    assert "64 lower-case hexadecimal digits" in answer.json()["detail"]
