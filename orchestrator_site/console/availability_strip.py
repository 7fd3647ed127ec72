"""When an engine was available, as one strip of inline SVG.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

WIDTH, HEIGHT, BAR_TOP, BAR_HEIGHT = 960, 46, 6, 22
BAR_BOTTOM = BAR_TOP + BAR_HEIGHT
LABEL_MARGIN = 14  # a label nearer to an end would be cut
HOUR_STEP = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that held from `begin` up to `end`."""

    begin: datetime
    end: datetime
    title: str


def strip(available: Sequence[Span], switched_off: Sequence[Span], begin: datetime, end: datetime, name: str) -> str:
    """Return the strip of [begin, end]: heartbeats, and over them the times in which an operator had it off."""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}" class="to-strip">',
        f'<rect class="to-strip-none" x="0" y="{BAR_TOP}" width="{WIDTH}" height="{BAR_HEIGHT}"/>',
        *_bars(available, "to-strip-up", begin, end),
        *_bars(switched_off, "to-strip-off", begin, end),
        *_hours(begin, end),
        "</svg>",
    ]
    return "".join(parts)


def share(available: Sequence[Span], switched_off: Sequence[Span], begin: datetime, end: datetime) -> float:
    """Return the share of [begin, end] in which the engine was available, 0 to 1."""
    total = (end - begin).total_seconds()
    up = sum((piece.end - piece.begin).total_seconds() for piece in _merged(available, begin, end))
    for off in _merged(switched_off, begin, end):
        up -= sum((piece.end - piece.begin).total_seconds() for piece in _merged(available, off.begin, off.end))
    return up / total if total > 0 else 0.0


def _bars(spans: Sequence[Span], css: str, begin: datetime, end: datetime) -> Iterator[str]:
    for span in spans:
        left, right = max(span.begin, begin), min(span.end, end)
        if left < right:
            x, width = _x(left, begin, end), max(_x(right, begin, end) - _x(left, begin, end), 1.0)
            yield (
                f'<rect class="{css}" x="{x:.2f}" y="{BAR_TOP}" width="{width:.2f}" height="{BAR_HEIGHT}">'
                f"<title>{escape(span.title)}</title></rect>"
            )


def _hours(begin: datetime, end: datetime) -> Iterator[str]:
    """Yield a tick and its hour (UTC) every three hours."""
    midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight
    while moment <= end:
        if moment >= begin:
            x = _x(moment, begin, end)
            yield f'<line class="to-strip-tick" x1="{x:.2f}" x2="{x:.2f}" y1="{BAR_BOTTOM}" y2="{BAR_BOTTOM + 4}"/>'
            if LABEL_MARGIN <= x <= WIDTH - LABEL_MARGIN:
                place = f'x="{x:.2f}" y="{HEIGHT - 4}" text-anchor="middle"'
                yield f'<text class="to-strip-hour" {place}>{moment:%H:%M}</text>'
        moment += HOUR_STEP


def _merged(spans: Sequence[Span], begin: datetime, end: datetime) -> list[Span]:
    """Return the spans within [begin, end], those that overlap put together."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda one: one.begin):
        left, right = max(span.begin, begin), min(span.end, end)
        if left >= right:
            continue
        if merged and left <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, right), "")
        else:
            merged.append(Span(left, right, ""))
    return merged


def _x(moment: datetime, begin: datetime, end: datetime) -> float:
    return WIDTH * ((moment - begin) / (end - begin))
