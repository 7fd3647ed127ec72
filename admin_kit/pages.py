"""Pages beside Django's own lists and forms: one way to render them, and links to those of apps above."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

# The name of a page's URL by the model it is about: an app registers its page, so that none below needs to name it.
_PAGES_ABOVE: dict[type[Model], str] = {}


def render_page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """A page with menu, banners and title; give `opts` (a model's) to pages that belong to a table."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


def register_page_above(model: type[Model], url_name: str) -> None:
    """Make a page the one that the model's own app leads to with `page_above`."""
    _PAGES_ABOVE[model] = url_name


def page_above(model: type[Model], *arguments: object) -> str | None:
    """The URL of the page that an app above has about the model; None when there is none."""
    name = _PAGES_ABOVE.get(model)
    return None if name is None else reverse(name, args=arguments)
