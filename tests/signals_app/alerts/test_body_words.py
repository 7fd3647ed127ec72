"""Which texts a search finds, and that the index of words never leaves one of them out."""

from __future__ import annotations

import pytest

from signals_app.alerts.body_words import LONGEST_WORD, MOST_WORDS, beginnings, finds, terms_of, text_of, words_of

BODY = b'{"ticker": "NASDAQ:GOOG", "action": "buy", "sma_10": 108.44, "order_id": "Long-4711", "note": "Z\xc3\xbcrich"}'
TEXT = text_of(BODY, "timeframe_missing", "The alert has no timeframe.")


@pytest.mark.parametrize(
    "query",
    [
        "goog", "GOOG", "goo", "nasdaq:goog", '"action":', '"action": "buy"', "buy goog", "108.44", "108", "sma_10",
        "long-4711", "4711", "zürich", "timeframe_missing", "no timeframe.", "{",
    ],
)  # fmt: skip
def test_a_term_finds_a_text_in_which_it_begins_a_word(query: str) -> None:
    terms = terms_of(query)

    assert finds(terms, TEXT)
    # What is found is in the index, too: each beginning begins one of its words.
    assert all(any(word.startswith(one) for word in words_of(TEXT)) for one in beginnings(terms))


@pytest.mark.parametrize("query", ["oog", "googl", "buy sell", "108.45", "10_", "*", "%", "goog;"])
def test_what_begins_no_word_is_not_found(query: str) -> None:
    assert not finds(terms_of(query), TEXT)


def test_words_have_limits_and_no_zero_bytes() -> None:
    many = text_of(" ".join(f"w{number}" for number in range(MOST_WORDS + 50)).encode() + b" \x00\xff " + b"x" * 90)

    words = words_of(many)

    assert (len(words), max(map(len, words)) <= LONGEST_WORD) == (MOST_WORDS, True)
    assert "\x00" not in many
    assert beginnings(["x" * 90]) == ["x" * LONGEST_WORD]
    assert terms_of(" a\x00b  ") == ["a", "b"]
