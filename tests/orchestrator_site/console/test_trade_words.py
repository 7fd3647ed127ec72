"""Which kind of trade a signal got none of, and why, in the words of the list and of the page of one signal."""

from __future__ import annotations

import json

import pytest

from orchestrator_site.console.trade_words import MOST_SAID, headline, reasons_of, traded

BOTH = {"A": "OPEN", "B": "OPEN"}


@pytest.mark.parametrize(
    ("kinds", "actions", "said"),
    [
        ({"A": "REAL", "B": "SHADOW"}, BOTH, ""),
        ({"B": "SHADOW"}, {"A": "DECLINE", "B": "OPEN"}, "shadow only: A declined"),
        ({"A": "REAL"}, {"A": "OPEN"}, "real only: B has not answered"),
        ({"A": "SHADOW", "B": "SHADOW"}, BOTH, "shadow only"),
        ({}, {"A": "DECLINE", "B": "DECLINE"}, "no trade: both declined"),
        ({}, {}, "no trade: neither has answered"),
        ({}, {"A": "DECLINE", "B": "OPEN"}, "no trade: A declined, B has not reported a trade"),
    ],
)
def test_it_says_what_there_is_none_of_and_what_the_engine_did(
    kinds: dict[str, str], actions: dict[str, str], said: str
) -> None:
    assert traded(kinds, actions) == said


def test_the_headline_tells_the_reasons_of_those_that_declined() -> None:
    reasons = {"A": "spread too wide", "B": "no later bar to exit on"}

    assert headline({}, {"A": "DECLINE", "B": "DECLINE"}, reasons) == (
        "No trade: both engines declined. A: spread too wide. B: no later bar to exit on."
    )
    assert headline({"B": "SHADOW"}, {"A": "DECLINE", "B": "OPEN"}, reasons) == (
        "Shadow only: A declined. A: spread too wide."
    )
    assert headline({"A": "REAL", "B": "SHADOW"}, BOTH, reasons) == ""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"reasons": ["RSI is 81.", "no later bar"]}, "RSI is 81.; no later bar"),
        ({"reason": "  too\nwide. "}, "too wide"),
        ({"rationale": "wide", "votes": 3}, "wide"),
        ({"reasons": [1, None, {"a": "b"}]}, ""),
        ({"reasons": {"a": "b"}}, ""),
        ({"reasons": 7}, ""),
        (["wide"], ""),
        ("wide", ""),
        (None, ""),
    ],
)
def test_reasons_are_read_where_an_engine_says_them_and_from_whatever_else_none(document: object, said: str) -> None:
    assert reasons_of(json.dumps(document)) == said


def test_reasons_without_end_are_cut() -> None:
    assert reasons_of(json.dumps({"reason": "x" * 9999})) == f"{'x' * MOST_SAID}…"
