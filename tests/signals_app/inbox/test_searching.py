"""Deliveries are filtered and found by their words, whether they are indexed or not, page after page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from signals_app.inbox import searching
from signals_app.inbox.searching import Asked, find, index_words
from signals_app.inbox_models import DeliveryWords
from signals_app.models import WebhookDelivery, WebhookSource
from tests.factories import make_source

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 3, 16, 14, tzinfo=UTC)


@pytest.fixture
def source() -> WebhookSource:
    return make_source()


@pytest.fixture(params=[False, True], ids=["as they came", "indexed"])
def deliveries(request: pytest.FixtureRequest, source: WebhookSource) -> int:
    """Two hundred deliveries, a second apart: every tenth of GOOG, and three of them rejected; their first id."""
    first = keep(source, *(f'{{"ticker": "{"GOOG" if n % 10 == 0 else "SPY"}", "n": "n{n}"}}' for n in range(200)))
    WebhookDelivery.objects.filter(id__in=[first, first + 10, first + 11]).update(outcome="rejected", code="symbol")
    if request.param:
        # Whole blocks only, wherever the ids began.
        assert index_words() >= 2
    return first


def keep(source: WebhookSource, *bodies: str, at: datetime = LONG_AGO) -> int:
    """Store deliveries, a second apart; return the first one's id."""
    made = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            received_at=at + timedelta(seconds=number), source=source, body=body.encode(), body_sha256="0" * 64,
            outcome="accepted", duration_ms=1,
        )
        for number, body in enumerate(bodies)
    )  # fmt: skip
    return made[0].pk


def places(asked: Asked, first: int, size: int = 50) -> list[int]:
    """What is found on all pages, counted from the first delivery."""
    found: list[int] = []
    before = None
    while True:
        page = find(asked, before=before, size=size)
        found += [row.pk - first for row in page.rows]
        if page.before is None:
            return found
        assert before is None or page.before < before
        before = page.before


def test_all_are_listed_newest_first_page_by_page(deliveries: int) -> None:
    assert places(Asked(), deliveries) == list(range(199, -1, -1))
    assert [row.pk - deliveries for row in find(Asked(), size=200).rows] == list(range(199, -1, -1))


def test_a_word_finds_what_holds_it_on_every_page(deliveries: int) -> None:
    goog = list(range(190, -1, -10))

    for size in (50, 7, 20):
        assert places(Asked(text="goog"), deliveries, size) == goog
    assert places(Asked(text='"n": "n17"'), deliveries) == [17]
    assert places(Asked(text="goog n5"), deliveries) == [50]
    assert places(Asked(text="{"), deliveries) == list(range(199, -1, -1))
    assert places(Asked(text="tsla"), deliveries) == places(Asked(text="' & !"), deliveries) == []


def test_words_and_filters_narrow_together(deliveries: int) -> None:
    assert places(Asked(outcome="rejected"), deliveries) == [11, 10, 0]
    assert places(Asked(text="goog", outcome="rejected"), deliveries) == [10, 0]
    assert places(Asked(text="symbol"), deliveries) == [11, 10, 0]
    assert places(Asked(code="symbol", text="spy"), deliveries) == [11]
    assert places(Asked(source="tv", text="n42"), deliveries) == [42]
    assert places(Asked(source="other"), deliveries) == []


def test_a_period_begins_at_one_moment_and_ends_before_another(deliveries: int) -> None:
    since, until = LONG_AGO + timedelta(seconds=40), LONG_AGO + timedelta(seconds=61)

    assert places(Asked(since=since, until=until), deliveries) == list(range(60, 39, -1))
    assert places(Asked(since=since, until=until, text="goog"), deliveries) == [60, 50, 40]
    assert places(Asked(since=LONG_AGO + timedelta(days=1)), deliveries) == []
    assert places(Asked(until=LONG_AGO), deliveries) == []


def test_a_search_stops_after_so_much_and_goes_on_from_there(deliveries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_READ", 64)
    monkeypatch.setattr(searching, "BLOCKS_AT_ONCE", 1)

    first = find(Asked(text="n3"))

    assert first.before is not None
    assert places(Asked(text="n3"), deliveries) == [*range(39, 29, -1), 3]


def test_only_full_blocks_that_are_a_minute_old_are_indexed(source: WebhookSource) -> None:
    keep(source, *(f"old n{number}" for number in range(130)))
    assert index_words() >= 1
    indexed = DeliveryWords.objects.count()
    keep(source, *(f"new n{number}" for number in range(130)), at=timezone.now())

    assert index_words() <= 1  # the old ones that were a part of a block
    later = DeliveryWords.objects.count()
    assert index_words() == 0
    assert later - indexed <= 1
    assert len(find(Asked(text="new")).rows) == 50
    assert len(find(Asked(text="old"), size=500).rows) == 130
