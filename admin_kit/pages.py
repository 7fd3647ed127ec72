"""Pages beside Django's own lists and forms: one way to render them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse


def render_page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """A page with menu, banners and title; give `opts` (a model's) to pages that belong to a table."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
