"""Deliveries, newest first: filtered, and found by the words of their bodies at any number of them.

Words are indexed by blocks of 64 deliveries, by the worker, once a block is full: an alert pays nothing for it. What
is newer than the last block is looked through as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet

from kernel.sql import load
from signals_app.alerts.body_words import beginnings, finds, terms_of, text_of, words_of
from signals_app.inbox_models import BLOCK, DeliveryWords
from signals_app.models import DeliveryOutcome, WebhookDelivery, WebhookSource

# Deliveries come nearly in the order of their ids, within what a web server needs for one.
UNSORTED = 200
HIGHEST_ID = 2**63 - 1
# What one request reads, and how often it asks, before it says that there may be more.
MOST_READ, MOST_LOTS = 3_200, 10
BLOCKS_AT_ONCE = 25
# The newest blocks are looked through in their order: what many alerts hold is found there at once, and the index of
# words, which knows no order, is asked for the rest.
NEWEST_BLOCKS = 500
# What one run of the worker indexes, in about two seconds; it runs every minute.
BLOCKS_A_RUN = 1_000
FULL_BLOCKS = load(__file__, "full_blocks.sql")
FOUND_BLOCKS = load(__file__, "found_blocks.sql")
STORE_WORDS = "INSERT INTO delivery_words (block, words) VALUES (%s, array_to_tsvector(%s)) ON CONFLICT DO NOTHING"

STORE_WORDS_AGAIN = "UPDATE delivery_words SET words = array_to_tsvector(%s) WHERE block = %s"

# Id, body, code and detail.
Text = tuple[int, bytes | memoryview, str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deliveries are asked for; empty texts and None are no condition. Times are of their arrival."""

    text: str = ""
    outcome: str = ""
    code: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_of_few(self) -> bool:
        """Whether accepted ones, which most are, are left out: an index of the others serves then."""
        return bool(self.code) or self.outcome not in ("", DeliveryOutcome.ACCEPTED)

    def span(self) -> tuple[int, int] | None:
        """The ids between which they lie; None where there can be none.

        The list is in the order of ids: of a time long ago the index of arrivals finds the ids to begin and end with.
        """
        first, last = 0, HIGHEST_ID
        arrived = WebhookDelivery.objects.values_list("id", flat=True)
        if self.since is not None:
            first = min(arrived.filter(received_at__gte=self.since).order_by("received_at")[:UNSORTED], default=last)
        if self.until is not None:
            last = max(arrived.filter(received_at__lt=self.until).order_by("-received_at")[:UNSORTED], default=0)
        return (first, last) if first <= last and first < HIGHEST_ID else None

    def rows(self) -> QuerySet[WebhookDelivery]:
        """Them all, but for the text and the span; newest first."""
        conditions = {"outcome": self.outcome, "code": self.code}
        rows = WebhookDelivery.objects.filter(**{name: value for name, value in conditions.items() if value})
        if self.since is not None:
            rows = rows.filter(received_at__gte=self.since)
        if self.until is not None:
            rows = rows.filter(received_at__lt=self.until)
        if self.source:
            source = WebhookSource.objects.filter(slug=self.source).first()
            rows = rows.filter(source=source) if source else rows.none()
        return rows.order_by("-id")


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries newest first, and the id below which the next page begins; None on the last."""

    rows: list[WebhookDelivery]
    before: int | None


def find(asked: Asked, *, before: int | None = None, size: int = 50) -> Page:
    """A page of what is asked for; it may be short of `size`, or empty, where little of much was found."""
    span = asked.span()
    if span is None:
        return Page([], None)
    first, last = span[0], span[1] if before is None else min(span[1], before - 1)
    rows = asked.rows().filter(id__gte=first, id__lte=last)
    terms = terms_of(asked.text)
    if not terms:
        found = list(rows.select_related("source")[: size + 1])
        return Page(found[:size], found[size - 1].pk if len(found) > size else None)
    # The few others are looked through sooner than the index is.
    lots = _lots(rows, (first, last), [] if asked.is_of_few else beginnings(terms))
    kept: list[int] = []
    read = 0
    goes_on = None
    for number, (bottom, lot) in enumerate(lots, start=1):
        kept += [key for key, body, code, detail in lot if finds(terms, text_of(bytes(body), code, detail))]
        read += len(lot)
        if len(kept) >= size:
            goes_on = kept[size - 1]
            break
        if read >= MOST_READ or number == MOST_LOTS:
            goes_on = bottom
            break
    shown = WebhookDelivery.objects.select_related("source").in_bulk(kept[:size])
    return Page([shown[key] for key in kept[:size]], goes_on)


def _lots(rows: QuerySet[WebhookDelivery], span: tuple[int, int], words: list[str]) -> Iterator[tuple[int, list[Text]]]:
    """What may hold words that begin so, newest first, each lot after the lowest id that it covers.

    First all that is not indexed yet, then the blocks that hold them; without words, all.
    """
    texts = rows.values_list("id", "body", "code", "detail")
    indexed = DeliveryWords.objects.aggregate(last=Max("block"))["last"] if words else None
    border = 0 if indexed is None else (indexed + 1) * BLOCK
    fresh = texts.filter(id__gte=border)
    while lot := list(fresh[: BLOCK * BLOCKS_AT_ONCE]):
        yield lot[-1][0], lot
        fresh = fresh.filter(id__lt=lot[-1][0])
    # Words hold letters, digits and underscores only: nothing of the language of tsquery.
    asked: dict[str, Any] = {
        "sought": " & ".join(f"'{word}':*" for word in words),
        "most": BLOCKS_AT_ONCE,
        "newest": NEWEST_BLOCKS,
    }
    bottom, top = span[0] // BLOCK, min(span[1], border - 1) // BLOCK
    while top >= bottom:
        with connection.cursor() as cursor:
            cursor.execute(FOUND_BLOCKS, asked | {"bottom": bottom, "top": top})
            blocks = [block for (block,) in cursor.fetchall()]
        if not blocks:
            return
        ids = [block * BLOCK + place for block in blocks for place in range(BLOCK)]
        top = blocks[-1] - 1
        yield blocks[-1] * BLOCK, list(texts.filter(id__in=ids))


def index_words() -> int:
    """Write the words of full blocks that have none yet; return how many blocks. One worker at a time does it."""
    written = 0
    with connection.cursor() as cursor:
        while written < BLOCKS_A_RUN:
            cursor.execute(FULL_BLOCKS, {"size": BLOCK, "rows": BLOCK * BLOCKS_AT_ONCE})
            words: dict[int, set[str]] = {}
            for block, body, code, detail in cursor.fetchall():
                words.setdefault(block, set()).update(words_of(text_of(bytes(body), code, detail)))
            if not words:
                break
            for block, found in words.items():
                cursor.execute(STORE_WORDS, (block, list(found)))
            written += len(words)
    return written


def index_again(ids: Sequence[int]) -> None:
    """Leave no word of deliveries that are deleted in this transaction in the index."""
    blocks = sorted({delivery // BLOCK for delivery in ids})
    words: dict[int, set[str]] = {block: set() for block in blocks}
    left = WebhookDelivery.objects.filter(id__in=[one * BLOCK + place for one in blocks for place in range(BLOCK)])
    for key, body, code, detail in left.values_list("id", "body", "code", "detail"):
        words[key // BLOCK].update(words_of(text_of(bytes(body), code, detail)))
    with connection.cursor() as cursor:
        for block, found in words.items():
            # The row stays, empty or not: by the last one the worker knows how far it has come.
            cursor.execute(STORE_WORDS_AGAIN, (list(found), block))
