"""How values look in lists and on detail pages.

Each column is a callable that carries the name of its field, so that the help text of that field applies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kernel.values import decimal_text, plain_text

# A callable; the stubs of Django's `fields` know of names only.
Column = Any

SHORT_HASH = 12
STATUS_COLOURS = {
    "PENDING": "info",
    "PROCESSED": "success",
    "FAILED": "danger",
    "OPEN": "info",
    "CLOSED": "success",
    "UNPRICED": "warning",
    "OPENING": "info",
    "DONE": "success",
    "ALREADY_CLOSED": "success",
    "NO_SHADOW": "warning",
}

OUTCOME_COLOURS = {
    "accepted": "success",
    "duplicate": "info",
    "conflict": "warning",
    "recorded": "info",
    "rejected": "danger",
}


def badge(field: str, colours: Mapping[str, str] = STATUS_COLOURS, *, title: str = "") -> Column:
    """A column that shows a code as a coloured label."""

    def column(row: Any) -> SafeString | None:
        code = getattr(row, field)
        return label(code, colours.get(code, "")) if code else None

    return _named(column, field, title=title)


def label(text: str, colour: str = "") -> SafeString:
    """A coloured label; Unfold's own renders a template for each, which doubles a list's time."""
    return format_html('<span class="to-badge to-badge-{}">{}</span>', colour or "neutral", text)


REPLAYED = label("REPLAYED", "info")


def beside_replayed(text: str) -> SafeString:
    """What is of a signal from a replay, in a cell; the word stands below it where a list has no room."""
    return format_html('<div class="to-replayed">{} {}</div>', text, REPLAYED)


def hash_of(field: str, *, title: str = "") -> Column:
    """A column with the first digits of a hash, and all of it as a tooltip."""

    def column(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return short_hash(str(value)) if value else None

    return _named(column, field, title=title)


def full_hash(field: str) -> Column:
    """A column with a hash or ID in full, in digits of one width."""

    def column(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return format_html('<code class="to-code">{}</code>', value) if value else None

    return _named(column, field)


def amount(field: str, *, title: str = "", signed: bool = False) -> Column:
    """A column of numbers without trailing zeros; signed ones with colour and glyph."""

    def column(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return (signed_amount if signed else plain_amount)(value)

    return number(_named(column, field, title=title))


def figure(field: str, *, title: str = "") -> Column:
    """A column of measured numbers in four digits, exact as their tooltip."""

    def column(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return (
            None
            if value is None
            else format_html('<span class="to-number" title="{}">{}</span>', value, f"{value:,.4g}")
        )

    return number(_named(column, field, title=title))


def percentage(field: str, *, title: str = "") -> Column:
    """A column of percentages without the decimals that say nothing."""

    def column(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else f"{plain_text(value)}%"

    return number(_named(column, field, title=title))


def number(column: Column) -> Column:
    """Mark a column, or a method of an admin that makes one, as numbers: right-aligned with its heading."""
    column.is_number = True
    return column


def json_of(field: str, *, title: str = "") -> Column:
    """A column with indented JSON."""

    def column(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return None if value is None else pretty_json(value)

    return _named(column, field, title=title)


def link_to(field: str, model: str, *, title: str = "", short: bool = False) -> Column:
    """A column that links an ID column to the page of the row it names (model as `app_model`)."""

    def column(row: Any) -> SafeString | None:
        identity = getattr(row, field)
        return None if identity is None else link(model, identity, str(identity)[:8] if short else str(identity))

    return _named(column, field, title=title)


def link(model: str, identity: object, text: str) -> SafeString:
    """A link to the detail page of a row (model as `app_model`); raises NoReverseMatch where there is no such page."""
    address = reverse(f"admin:{model}_change", args=(identity,))
    return format_html('<a class="text-link" href="{}" title="{}">{}</a>', address, identity, text)


def short_hash(value: str | None) -> SafeString | None:
    """The first digits of a hash, with all of it as a tooltip; None for none."""
    if not value:
        return None
    return format_html('<code class="to-code" title="{}">{}</code>', value, value[:SHORT_HASH])


def plain_amount(value: Decimal | None) -> SafeString | None:
    """A number with its thousands apart, to four decimals and exact as its tooltip; None for none."""
    if value is None:
        return None
    exact = decimal_text(value)
    shown = f"{Decimal(exact):,f}"
    # What would read as nothing is shown whole.
    if len(exact.partition(".")[2]) > 4 and abs(value) >= Decimal("0.0001"):
        shown = f"{value:,.4f}"
    return format_html('<span class="to-number" title="{}">{}</span>', exact, shown)


def signed_amount(value: Decimal | None) -> SafeString | None:
    """A gain or loss to the cent with sign, colour and glyph, so that it reads without colour; exact as its tooltip."""
    if value is None:
        return None
    text = f"{abs(value):,.2f}"
    # Less than a cent would read as nothing.
    text = decimal_text(abs(value)) if value and not float(text.replace(",", "")) else text
    if not value:
        return format_html('<span class="to-number">{}</span>', text)
    sign, look = ("▲ +", "to-gain") if value > 0 else ("▼ −", "to-loss")
    return format_html('<span class="to-number {}" title="{}">{}{}</span>', look, decimal_text(value), sign, text)


def age_text(seconds: float) -> str:
    """An age in whole units, the largest that fits twice."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    # What has just been stored may be a little younger than the transaction that looks.
    return f"{max(seconds, 0.0):.0f} s"


def duration_text(seconds: float) -> str:
    """A duration down to milliseconds, as steps of one flow need it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else age_text(seconds)


def pretty_json(value: object) -> SafeString:
    """JSON, indented and escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="to-json">{}</pre>', text)


def _named(column: Callable[[Any], Any], field: str, *, title: str = "") -> Column:
    column.__name__ = field
    column.short_description = title or field.removesuffix("_id").replace("_", " ")  # type: ignore[attr-defined]
    return column
