"""A step-line chart of cumulative P&L as one inline SVG.

Pure: no I/O, no clock, no randomness; the same series give the same text. Colours are CSS variables
with a fallback and text is `currentColor`, so that the page decides, light or dark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from html import escape

WIDTH, HEIGHT = 800, 340
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 34, 36
RIGHT_EDGE, BOTTOM_EDGE = WIDTH - RIGHT, HEIGHT - BOTTOM
MOST_TICKS = 6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TIME_STEPS = (
    *(MINUTE * minutes for minutes in (1, 5, 15, 60, 180, 360, 720)),
    *(DAY * days for days in (1, 2, 7)),
)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
# Larger amounts are labelled with a power of ten.
LONGEST_LABEL = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name in the legend, colour (1, 2, ...), whether dashed, and (time, amount) by time."""

    name: str
    colour: int
    dashed: bool
    points: Sequence[tuple[datetime, Decimal]]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the axes span; where a value lies on the picture."""

    first: datetime
    last: datetime
    low: Decimal
    high: Decimal

    def x(self, moment: datetime) -> str:
        share = (moment - self.first) / (self.last - self.first)
        return _coordinate(LEFT + share * (RIGHT_EDGE - LEFT))

    def y(self, amount: Decimal) -> str:
        share = float((amount - self.low) / (self.high - self.low))
        return _coordinate(BOTTOM_EDGE - share * (BOTTOM_EDGE - TOP))


FALLBACK_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea")


def step_chart(lines: Sequence[Line], *, title: str, description: str, identity: str = "chart") -> str:
    """Return the SVG text; `identity` must be unique on the page, it prefixes the ids inside."""
    drawn = [line for line in lines if line.points]
    body = _plot(drawn) if drawn else [_text(WIDTH / 2, HEIGHT / 2, "Nothing to show yet.", "middle")]
    name = escape(identity, quote=True)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img"'
        f' aria-labelledby="{name}-title {name}-desc" font-family="inherit" font-size="12" fill="currentColor">'
    )
    words = (
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(_described(drawn, description))}</desc>',
    )
    return "".join((head, *words, *body, "</svg>"))


def _described(lines: Sequence[Line], description: str) -> str:
    """Say in words where each line ends, for those who cannot see it."""
    ends = [f"{line.name} ends at {_amount_text(line.points[-1][1])}." for line in lines]
    return " ".join((description, *ends))


def _plot(lines: Sequence[Line]) -> list[str]:
    frame, ticks = _frame(lines)
    return [
        *_amount_axis(frame, ticks),
        *_time_axis(frame),
        *(_path(frame, line) for line in lines),
        *_legend(lines),
    ]


def _frame(lines: Sequence[Line]) -> tuple[_Frame, list[Decimal]]:
    """Return a frame that holds all lines and zero, its amounts ending on ticks."""
    moments = [moment for line in lines for moment, _ in line.points]
    amounts = [Decimal(0), *(amount for line in lines for _, amount in line.points)]
    ticks = _amount_ticks(min(amounts), max(amounts))
    first, last = min(moments), max(moments)
    if first == last:
        first, last = first - MINUTE, last + MINUTE
    return _Frame(first, last, ticks[0], ticks[-1]), ticks


def _amount_ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Return round amounts (1, 2 or 5 times a power of ten apart) from below low to above high."""
    span = high - low or Decimal(1)
    rough = span / (MOST_TICKS - 1)
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = (low / step).to_integral_value(ROUND_FLOOR)
    last = max((high / step).to_integral_value(ROUND_CEILING), first + 1)
    return [step * (first + number) for number in range(int(last - first) + 1)]


def _time_ticks(first: datetime, last: datetime) -> list[datetime]:
    """Return round times (UTC) between both, at most six: multiples of a step, or firsts of a month."""
    step = next((step for step in TIME_STEPS if (last - first) / step <= MOST_TICKS - 1), None)
    if step is None:
        return _month_ticks(first, last)
    rounded = EPOCH + step * -((EPOCH - first) // step)
    return [rounded + step * number for number in range((last - rounded) // step + 1)]


def _month_ticks(first: datetime, last: datetime) -> list[datetime]:
    span = _months(last) - _months(first)
    step = next((step for step in MONTH_STEPS if span / step <= MOST_TICKS - 1), MONTH_STEPS[-1])
    months = range(_months(first) // step * step, _months(last) + 1, step)
    ticks = (datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in months)
    return [tick for tick in ticks if first <= tick <= last]


def _months(moment: datetime) -> int:
    return moment.astimezone(UTC).year * 12 + moment.astimezone(UTC).month - 1


def _amount_axis(frame: _Frame, ticks: Sequence[Decimal]) -> Iterator[str]:
    for amount in ticks:
        y = frame.y(amount)
        strength = "0.6" if amount == 0 else "0.15"
        yield f'<path d="M{LEFT} {y}H{RIGHT_EDGE}" stroke="currentColor" stroke-opacity="{strength}" fill="none"/>'
        yield _text(LEFT - 8, float(y) + 4, _amount_text(amount), "end")
    yield _text(LEFT, TOP - 20, "P&L, cumulative", "start")


def _time_axis(frame: _Frame) -> Iterator[str]:
    days = frame.last - frame.first >= 2 * DAY
    for moment in _time_ticks(frame.first, frame.last):
        x = frame.x(moment)
        yield f'<path d="M{x} {BOTTOM_EDGE}v5" stroke="currentColor" fill="none"/>'
        label = moment.astimezone(UTC).strftime("%Y-%m-%d" if days else "%m-%d %H:%M")
        # The first and last label must not leave the picture.
        yield _text(min(max(float(x), LEFT), RIGHT_EDGE - 24), BOTTOM_EDGE + 18, label, "middle")
    yield _text(RIGHT_EDGE, HEIGHT - 4, "exit time, UTC", "end")


def _path(frame: _Frame, line: Line) -> str:
    """Draw from zero: the amount jumps at each exit and stays until the next."""
    steps = [f"M{frame.x(line.points[0][0])} {frame.y(Decimal(0))}"]
    steps += [f"H{frame.x(moment)}V{frame.y(amount)}" for moment, amount in line.points]
    return f'<path d="{"".join(steps)}H{RIGHT_EDGE}" {_stroke(line)}/>'


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    x = LEFT + 130
    for line in lines:
        yield f'<path d="M{x} {TOP - 24}h24" {_stroke(line)}/>'
        yield _text(x + 30, TOP - 20, line.name, "start")
        x += 130


def _stroke(line: Line) -> str:
    fallback = FALLBACK_COLOURS[(line.colour - 1) % len(FALLBACK_COLOURS)]
    dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
    return f'fill="none" stroke="var(--chart-{line.colour}, {fallback})" stroke-width="2"{dashes}'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{_coordinate(x)}" y="{_coordinate(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def _amount_text(amount: Decimal) -> str:
    if abs(amount) >= LONGEST_LABEL:
        return f"{amount:.3e}"
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _coordinate(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0")
