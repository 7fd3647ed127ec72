"""Links and values as our own pages show them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal

from django import template
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.template import RequestContext
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from admin_kit import display
from admin_kit.display import age_text
from admin_kit.places import Part, path_of
from admin_kit.saved_views import query_of, views_of
from kernel.models import SavedView
from kernel.values import figure_text, plain_text, read_instant

register = template.Library()
ENGINE_LETTER = re.compile(r"(?<=\bengine )[ab]\b", re.IGNORECASE)


@register.simple_tag
def page_url(view: str, query: str = "") -> str:
    """The URL of an admin page, with a query."""
    url = reverse(f"admin:{view}")
    return f"{url}?{query}" if query else url


@register.simple_tag
def row_link(target: tuple[str, object], text: str) -> SafeString:
    """A link to a row, given as admin model and ID."""
    model, identity = target
    return display.link(model, identity, text)


@register.simple_tag
def page_number(pages: ChangeList, number: object) -> SafeString:
    """A link to a page of a list; of the page that is shown its number alone, and "…" for those that are left out."""
    if not isinstance(number, int):
        return format_html("<span>{}</span>", number)
    if number == pages.page_num:
        return format_html('<span class="font-medium text-primary-600" aria-current="page">{}</span>', count(number))
    return format_html('<a href="{}">{}</a>', pages.get_query_string({PAGE_VAR: number}), count(number))


@register.simple_tag(takes_context=True)
def page_path(context: RequestContext) -> list[Part]:
    """The way to this page, in the words of the sidebar."""
    return path_of({str(name): value for name, value in context.flatten().items()})


@register.simple_tag(takes_context=True)
def own_views(context: RequestContext, page: str) -> list[tuple[SavedView, str]]:
    """The user's views of a list, each with the query that opens it."""
    return [(view, query_of(view)) for view in views_of(context["request"].user, page)]


@register.simple_tag
def copy_button(value: object, what: str) -> SafeString:
    """A small button that copies a value; see keyboard.js."""
    return format_html(
        ' <button type="button" class="to-copy-button" data-copy="{}" title="Copy the {}" aria-label="Copy the {}">'
        '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span></button>',
        value, what, what,
    )  # fmt: skip


@register.filter
def json_text(value: object) -> str:
    """JSON in one piece, to be copied."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def outcome_colour(outcome: str) -> str:
    """The colour of how an alert was handled."""
    return display.OUTCOME_COLOURS[outcome]


@register.filter
def words(code: str) -> str:
    """A code such as BROKER_FILL or `engine_a_available` as words."""
    text = code.replace("_", " ").capitalize()
    return ENGINE_LETTER.sub(lambda found: found[0].upper(), text)


@register.filter
def code_words(text: str) -> SafeString:
    """A text with what stands between backticks as code."""
    parts = text.split("`")
    return format_html_join("", "<{0}>{1}</{0}>", (("code" if n % 2 else "span", part) for n, part in enumerate(parts)))


@register.filter
def age(seconds: float) -> str:
    """An age in the largest unit that fits."""
    return age_text(seconds)


@register.filter
def pretty(value: object) -> SafeString:
    """Indented JSON."""
    return display.pretty_json(value)


@register.filter
def digest(value: str) -> SafeString | None:
    """The first digits of a hash, with all of it as a tooltip."""
    return display.short_hash(value)


@register.filter
def amount(value: Decimal | None) -> SafeString | None:
    """A number in plain digits."""
    return display.plain_amount(value)


@register.filter
def plain(value: Decimal | str) -> str:
    """A quantity as it is said, also that of a document: no decimals that say nothing."""
    return plain_text(Decimal(value))


@register.filter
def count(number: int) -> str:
    """A number of things, its thousands apart."""
    return f"{number:,}"


@register.filter
def figure(value: str | float | None, otherwise: str = "none") -> str:
    """Three digits of a number that is exact elsewhere."""
    return otherwise if value is None else figure_text(value)


@register.filter
def instant(text: str) -> datetime:
    """The instant of a document, shown as every other."""
    return read_instant(text)


@register.filter
def gain(value: Decimal | None) -> SafeString | None:
    """A gain or loss with sign, colour and glyph."""
    return display.signed_amount(value)
