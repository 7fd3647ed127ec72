"""Links and values as our own pages show them."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from admin_kit import display
from admin_kit.display import age_text

register = template.Library()


@register.simple_tag
def page_address(view: str, query: str = "") -> str:
    """Return the address of an admin page, with a query; empty where there is no such page."""
    try:
        address = reverse(f"admin:{view}")
    except NoReverseMatch:
        return ""
    return f"{address}?{query}" if query else address


@register.simple_tag
def row_link(target: tuple[str, object], text: str) -> SafeString:
    """Return a link to a row, given as admin model and id."""
    model, identity = target
    return display.link(model, identity, text)


@register.filter
def age(seconds: float) -> str:
    """Return a duration in the largest unit that fits."""
    return age_text(seconds)


@register.filter
def pretty(value: object) -> SafeString:
    """Return a value as indented JSON."""
    return display.pretty_json(value)


@register.filter
def digest(value: str) -> SafeString | None:
    """Return the first digits of a hash with all of it as a tooltip."""
    return display.short_hash(value)


@register.filter
def amount(value: Decimal | None) -> SafeString | None:
    """Return a number in plain digits."""
    return display.plain_amount(value)


@register.filter
def gain(value: Decimal | None) -> SafeString | None:
    """Return a gain or loss with sign, colour and glyph."""
    return display.signed_amount(value)
