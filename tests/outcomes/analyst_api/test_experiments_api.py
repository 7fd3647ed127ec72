"""`GET /api/v1/experiments`: pages that hold every experiment once, and refusals that say what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import api_client, make_experiment

pytestmark = pytest.mark.django_db
URL = "/api/v1/experiments"
ID = "2d728a47-facd-422f-9a7c-618888895f2f"


def test_pages_hold_every_experiment_once() -> None:
    made = {str(make_experiment("A").pk) for _ in range(5)}

    found: list[str] = []
    following: str | None = f"{URL}?page_size=2"
    while following:
        page = api_client("analyst").get(following).json()
        found += [row["experiment_id"] for row in page["results"]]
        following = page["next"]

    assert sorted(found) == sorted(made)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"page_size": "0"}, "/page_size"),
        ({"page_size": "501"}, "/page_size"),
        ({"page_size": "many"}, "/page_size"),
        ({"cursor": "zz"}, "/cursor"),
        ({"cursor": f"older_0_{ID}\n"}, "/cursor"),
        ({"cursor": f"older_{'9' * 17}_{ID}"}, "/cursor"),
        ({"cursor": f"older_\u0661_{ID}"}, "/cursor"),
        ({"cursor": "older_0_1"}, "/cursor"),
        ({"page": "2"}, "/page"),
        ({"since": "2026-03-16T14:30:00"}, "/since"),
    ],
)
def test_a_query_that_cannot_be_followed_is_refused_by_name(query: dict[str, Any], pointer: str) -> None:
    make_experiment("A")

    answer = api_client("analyst").get(URL, query)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("cursor", [f"{way}_{moment}_{ID}" for way in ("older", "newer") for moment in (0, "9" * 16)])
def test_any_place_of_the_documented_form_has_a_page(cursor: str) -> None:
    make_experiment("A")

    answer = api_client("analyst").get(URL, {"cursor": cursor})

    assert answer.status_code == 200
    assert len(answer.json()["results"]) in (0, 1)


def test_a_symbol_is_found_in_either_case() -> None:
    experiment = make_experiment("A", symbol="SPY")
    make_experiment("A", symbol="QQQ")

    (row,) = api_client("analyst").get(URL, {"symbol": "spy"}).json()["results"]

    assert row["experiment_id"] == str(experiment.pk)
