"""The words of what came in, and whether a search for some of them finds it.

A search has terms, each of which must begin a word of the text: `goo` finds GOOG, `"action":` finds the member. An
index of the words narrows it down; whether a text is found is decided here alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# A longer word is found by its beginning; of a text with more different words, the rest is not found.
LONGEST_WORD, MOST_WORDS = 32, 400
_WORD = re.compile(r"\w+")


def text_of(body: bytes, *others: str) -> str:
    """The text of a request that is searched: its body and what was said about it."""
    return " ".join((body.decode(errors="replace"), *others)).replace("\x00", " ").lower()


def words_of(text: str) -> set[str]:
    """The words under which a text of `text_of` is found."""
    different = dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(text))
    return set(list(different)[:MOST_WORDS])


def terms_of(query: str) -> list[str]:
    """The terms of a search, in lower case."""
    return query.replace("\x00", " ").lower().split()


def beginnings(terms: Iterable[str]) -> list[str]:
    """What words of the index must begin with; none where the terms hold no letter and no digit."""
    return list(dict.fromkeys(word[:LONGEST_WORD] for term in terms for word in _WORD.findall(term)))


def finds(terms: Iterable[str], text: str) -> bool:
    """Whether each of the terms begins a word of the text."""
    return all(re.search(rf"(?<!\w){re.escape(term)}", text) is not None for term in terms)
