"""Deliveries, newest first: filtered, and found by the words of their bodies at any number of them.

Words are indexed by blocks of 64 deliveries, by the worker, once a block is full: an alert pays nothing for it. What
is newer than the last block is looked through as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet

from kernel.sql import load
from signals_app.alerts.body_words import beginnings, finds, terms_of, text_of, words_of
from signals_app.inbox_models import BLOCK, DeliveryWords
from signals_app.models import WebhookDelivery

# Deliveries come nearly in the order of their ids, within what a web server needs for one.
UNSORTED = 200
# What one request reads, and how often it asks, before it says that there may be more.
MOST_READ, MOST_LOTS = 4_000, 20
BLOCKS_AT_ONCE = 25
# What one run of the worker indexes, in about two seconds; it runs every minute.
BLOCKS_A_RUN = 1_000
FULL_BLOCKS = load(__file__, "full_blocks.sql")
FOUND_BLOCKS = """
SELECT block FROM delivery_words WHERE words @@ %s::tsquery AND block <= %s ORDER BY block DESC LIMIT %s
"""
STORE_WORDS = "INSERT INTO delivery_words (block, words) VALUES (%s, array_to_tsvector(%s)) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deliveries are asked for; empty texts and None are no condition. Times are of their arrival."""

    text: str = ""
    outcome: str = ""
    code: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def rows(self) -> QuerySet[WebhookDelivery]:
        """Them all, but for the text; newest first."""
        conditions: dict[str, Any] = {"outcome": self.outcome, "code": self.code, "source__slug": self.source}
        rows = WebhookDelivery.objects.filter(**{name: value for name, value in conditions.items() if value})
        # The list is in the order of ids; of a time long ago the index finds the ids to begin and to end with.
        if self.since is not None:
            near = WebhookDelivery.objects.filter(received_at__gte=self.since).order_by("received_at")
            first = min(near.values_list("id", flat=True)[:UNSORTED], default=None)
            rows = rows.filter(received_at__gte=self.since, id__gte=first) if first is not None else rows.none()
        if self.until is not None:
            near = WebhookDelivery.objects.filter(received_at__lt=self.until).order_by("-received_at")
            last = max(near.values_list("id", flat=True)[:UNSORTED], default=None)
            rows = rows.filter(received_at__lt=self.until, id__lte=last) if last is not None else rows.none()
        return rows.order_by("-id")


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries newest first, and the id below which the next page begins; None on the last."""

    rows: list[WebhookDelivery]
    before: int | None


def find(asked: Asked, *, before: int | None = None, size: int = 50) -> Page:
    """A page of what is asked for; it may be short of `size`, or empty, where little of much was found."""
    rows = asked.rows().select_related("source")
    if before is not None:
        rows = rows.filter(id__lt=before)
    terms = terms_of(asked.text)
    if not terms:
        found = list(rows[: size + 1])
        return Page(found[:size], found[size - 1].pk if len(found) > size else None)
    kept: list[WebhookDelivery] = []
    read = 0
    for number, (bottom, lot) in enumerate(_lots(rows, terms), start=1):
        for row in lot:
            if finds(terms, text_of(bytes(row.body), row.code, row.detail)):
                kept.append(row)
                if len(kept) == size:
                    return Page(kept, row.pk)
        read += len(lot)
        if read >= MOST_READ or number == MOST_LOTS:
            return Page(kept, bottom)
    return Page(kept, None)


def _lots(rows: QuerySet[WebhookDelivery], terms: list[str]) -> Iterator[tuple[int, list[WebhookDelivery]]]:
    """What may hold the terms, newest first, each lot after the lowest id that it covers.

    First all that is not indexed yet, then the blocks that hold the terms' words.
    """
    indexed = DeliveryWords.objects.aggregate(last=Max("block"))["last"]
    words = beginnings(terms)
    # Terms without a letter or a digit are in no index.
    border = 0 if indexed is None or not words else (indexed + 1) * BLOCK
    fresh = rows.filter(id__gte=border)
    while lot := list(fresh[: BLOCK * BLOCKS_AT_ONCE]):
        yield lot[-1].pk, lot
        fresh = fresh.filter(id__lt=lot[-1].pk)
    # Words hold letters, digits and underscores only: nothing of the language of tsquery.
    sought = " & ".join(f"'{word}':*" for word in words)
    top = border // BLOCK - 1
    while top >= 0:
        with connection.cursor() as cursor:
            cursor.execute(FOUND_BLOCKS, (sought, top, BLOCKS_AT_ONCE))
            blocks = [block for (block,) in cursor.fetchall()]
        if not blocks:
            return
        ids = [block * BLOCK + place for block in blocks for place in range(BLOCK)]
        top = blocks[-1] - 1
        yield blocks[-1] * BLOCK, list(rows.filter(id__in=ids))


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
