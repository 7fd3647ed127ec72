"""The table of a list. It is what Unfold's tag makes, which looks up every heading again for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import template
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import DateTimeField, Model
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, result_headers
from unfold.utils import display_for_field, display_for_value

from kernel.values import instant_text

register = template.Library()
CHECKBOX = "action_checkbox"


@register.inclusion_tag("admin_kit/result_list.html")
def result_list(cl: ChangeList) -> dict[str, Any]:
    """The headings, and the cells of each row as one text."""
    headers = list(result_headers(cl))  # type: ignore[no-untyped-call]  # Unfold has no annotations here
    write = _row_writer(cl, [str(header["text"]) for header in headers])
    return {
        "cl": cl,
        "result_headers": headers,
        "num_sorted_fields": sum(1 for header in headers if header["sortable"] and header["sorted"]),
        "rows": [write(row) for row in cl.result_list],
    }


def _row_writer(cl: ChangeList, titles: list[str]) -> Callable[[Model], SafeString]:
    """What makes the cells of a row; all that is the same in every row is made here, once."""
    links = cl.list_display_links or ()
    heads = [name for name in cl.list_display if name in links][:1]
    # The way back to the list as it is now narrowed.
    kept = f"?{cl.preserved_filters}" if cl.preserved_filters else ""
    columns = []
    for name, title in zip(cl.list_display, titles, strict=True):
        tag = "th" if name in heads else "td"
        classes = " ".join(CHECKBOX_CLASSES) if name == CHECKBOX else f"to-cell field-{getattr(name, '__name__', name)}"
        said = "Select record" if name == CHECKBOX else capfirst(title)
        begin = format_html('<{} class="{}" data-label="{}">', tag, classes, said)
        columns.append((begin, _reader(cl, name), name in links, f"</{tag}>"))

    def write(row: Model) -> SafeString:
        pieces: list[str] = []
        for begin, read, is_link, end in columns:
            shown = read(row)
            if is_link:
                shown = format_html('<a href="{}{}" class="to-row-link">{}</a>', cl.url_for_result(row), kept, shown)
            # Formatting each cell as a whole would escape again what is the same in every row.
            pieces += (begin, conditional_escape(shown), end)
        return mark_safe("".join(pieces))  # noqa: S308 (each piece is escaped)

    return write


def _reader(cl: ChangeList, name: Any) -> Callable[[Model], str]:
    """What a column shows of a row: a field, or else what a callable, or the admin's or the row's attribute, says."""
    empty = cl.model_admin.get_empty_value_display()
    field = next((field for field in cl.lookup_opts.concrete_fields if field.name == name), None)
    if isinstance(field, DateTimeField):
        # As the formats of the site have it, without looking them up for each.
        return lambda row: empty if (moment := getattr(row, name)) is None else instant_text(moment)
    if field is not None:
        return lambda row: display_for_field(getattr(row, name), field, empty)
    if not callable(name) and (name == "__str__" or not hasattr(cl.model_admin, name)):
        return lambda row: display_for_value(_attribute(row, name), empty)
    told = name if callable(name) else getattr(cl.model_admin, name)

    def read(row: Model) -> str:
        try:
            return display_for_value(told(row), empty, getattr(told, "boolean", False))
        except ObjectDoesNotExist:
            return empty

    return read


def _attribute(row: Model, name: str) -> object:
    value = getattr(row, name)
    return value() if callable(value) else value
