"""Pages of a table: the rows older or newer than one, each once, however many share their time.

DRF's own pages go by the time alone and count rows that share it; going back, they leave some out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from kernel.values import MOMENT_PATTERN, UUID_PATTERN, epoch_microseconds, from_epoch_microseconds

PAGE_SIZE, MAX_PAGE_SIZE = 50, 500
PAGING = {"format", "cursor", "page_size"}
_PLACE = rf"^(older|newer)_({MOMENT_PATTERN})_"
# By what names a row of the table beside its time.
BY_NUMBER, BY_UUID = re.compile(rf"{_PLACE}(\d{{1,18}})$", re.ASCII), re.compile(f"{_PLACE}({UUID_PATTERN})$", re.ASCII)


class Page(NamedTuple):
    """Rows, newest first, and the links to the pages around them, None where there is none."""

    rows: list[Any]
    next: str | None
    previous: str | None


def page_of(request: Request, rows: QuerySet[Any], key: tuple[str, str], form: re.Pattern[str]) -> Page:
    """The page that the request asks for; `key` are the fields of time and id, `form` is that of the cursors."""
    (time, identity), size, place = key, page_size_of(request), cursor_of(request, form)
    is_back = place is not None and place[1] == "newer"
    if place is not None:
        moment, row_id = from_epoch_microseconds(place[2]), place[3]
        way = "gt" if is_back else "lt"
        beyond = Q((f"{time}__{way}", moment)) | Q((time, moment), (f"{identity}__{way}", row_id))
        # The first bound is for the index, the second the rule.
        rows = rows.filter(beyond, (f"{time}__{way}e", moment))
    found = list(rows.order_by(*key if is_back else (f"-{time}", f"-{identity}"))[: size + 1])
    page, goes_on, came_from = found[:size], len(found) > size, place is not None
    if is_back:
        page.reverse()

    def link(way: str, row: Any) -> str:
        values = row if isinstance(row, dict) else vars(row)
        return next_page(request, f"{way}_{epoch_microseconds(values[time])}_{values[identity]}")

    has_older, has_newer = (came_from, goes_on) if is_back else (goes_on, came_from)
    return Page(
        page,
        link("older", page[-1]) if page and has_older else None,
        link("newer", page[0]) if page and has_newer else None,
    )


def page_size_of(request: Request) -> int:
    """How many rows the request asks for; raises ValidationError."""
    text = request.query_params.get("page_size")
    if text is None:
        return PAGE_SIZE
    try:
        return int(serializers.IntegerField(min_value=1, max_value=MAX_PAGE_SIZE).run_validation(text))
    except ValidationError as error:
        raise ValidationError({"page_size": error.detail}) from error


def cursor_of(request: Request, form: re.Pattern[str]) -> re.Match[str] | None:
    """The request's cursor in its parts, None without one; raises ValidationError. Any text of the form is a place."""
    text = request.query_params.get("cursor")
    if text is None:
        return None
    found = form.fullmatch(text)
    if found is None:
        raise ValidationError({"cursor": ["Send the cursor of `next` as it was answered."]})
    return found


def next_page(request: Request, cursor: str) -> str:
    """The URL of the page that begins at a cursor."""
    return str(replace_query_param(request.build_absolute_uri(), "cursor", cursor))
