"""What a page says, read as a browser reads it: tables by row, whatever their markup."""

from __future__ import annotations

from html.parser import HTMLParser


class _Tables(HTMLParser):
    """Collects the text of each cell, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def table_rows(html: str) -> list[list[str]]:
    """Every row of every table of a page, as its cells' texts with single spaces."""
    tables = _Tables()
    tables.feed(html)
    return [[" ".join(cell.split()) for cell in row] for row in tables.rows]


def cells(html: str) -> list[str]:
    """The text of every cell of every table of a page."""
    return [cell for row in table_rows(html) for cell in row]
