"""Where a page stands: the same words in the sidebar, in the header and in the window's title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.db.models import Model
from django.db.models.options import Options
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

from kernel.values import UUID_PATTERN

# The digits by which lists and links name a row; a whole ID leaves a phone's header no room.
SHORT_ID = 8


class Part(NamedTuple):
    """One word of the header's path; no link for a group or for the page itself."""

    title: str
    link: str | None = None


def _entries(context: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The sidebar: the title of the group, and of each entry with its address."""
    for group in context.get("sidebar_navigation") or ():
        for item in group.get("items", ()):
            yield str(group.get("title") or ""), str(item["title"]), str(item["link"])


def _place(context: Mapping[str, Any], address: str | None) -> tuple[str, str] | None:
    return next(((group, title) for group, title, link in _entries(context) if link == address), None)


def _list_address(options: Options[Any]) -> str | None:
    try:
        return reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    except NoReverseMatch:
        return None


def title_of_list(context: Mapping[str, Any], options: Options[Any]) -> str:
    """What a list is called: as in the sidebar, or the plural of its rows."""
    place = _place(context, _list_address(options))
    return place[1] if place else capfirst(str(options.verbose_name_plural))


def path_of(context: Mapping[str, Any]) -> list[Part]:
    """The way to a page from the sidebar's group down to the row; the window's title where nothing else is known."""
    title = str(context.get("title") or "")
    options: Options[Any] | None = context.get("opts")
    request = context.get("request")
    address = _list_address(options) if options else request.path if request else None
    place = _place(context, address)
    parts = [Part(place[0])] if place and place[0] else []
    if options is None:
        return [*parts, Part(place[1] if place else title)]
    name = title_of_list(context, options)
    row = context.get("original") or context.get("object")
    here = re.sub(UUID_PATTERN, lambda found: found[0][:SHORT_ID], str(row) if isinstance(row, Model) else title)
    if context.get("cl") is not None or here == name:
        return [*parts, Part(name)]
    return [*parts, Part(name, address), Part(here)]
