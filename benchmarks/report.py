"""What a run found: progress while it goes on, then a table, JSON, and the table in RESULTS.md."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.database import DATA_DIR, Connection

RESULTS = Path(__file__).with_name("RESULTS.md")
START, END = "<!-- table -->", "<!-- end of table -->"
PACKAGES = (
    "Django", "djangorestframework", "psycopg", "django-q2", "uvloop", "procrastinate", "Flask", "gunicorn",
    "psycopg2-binary", "fastapi", "uvicorn", "asyncpg", "pandas", "empyrical-reloaded", "duckdb",
)  # fmt: skip
_started = time.monotonic()


@dataclass(frozen=True)
class Figure:
    """One measured figure; with a peer it is judged by its ratio, without by itself.

    ``at_least`` and ``aim`` are lower bounds of the ratio, or without a peer of the value; with ``at_most`` they are
    upper bounds of the value.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float = 0.0
    at_least: float | None = None
    aim: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the peer's; None without a peer."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def verdict(self) -> str:
        """Say whether the target is met; "" without one."""
        if self.at_least is None or self.aim is None:
            return ""
        judged = self.value if self.ratio is None or self.at_most else self.ratio
        if judged <= self.aim if self.at_most else judged >= self.aim:
            return "aim reached"
        met = judged <= self.at_least if self.at_most else judged >= self.at_least
        return "met" if met else "missed"


def say(text: str) -> None:
    """Print progress with the seconds since the start."""
    print(f"[{time.monotonic() - _started:5.0f} s] {text}", file=sys.stderr, flush=True)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    head = ["| figure | value | peer | its value | ratio | at least | aim | |", "|---|--:|---|--:|--:|--:|--:|---|"]
    return "\n".join(head + [f"| {' | '.join(_cells(figure))} |" for figure in figures])


def write(figures: Sequence[Figure], connection: Connection, command: str, *, keep: bool) -> None:
    """Print table and JSON; keep the JSON beside the database and, if told, the table in RESULTS.md."""
    where = machine(connection)
    document = {"command": command, "machine": where, "figures": [asdict(f) | {"ratio": f.ratio} for f in figures]}
    text = json.dumps(document, indent=1)
    (DATA_DIR / "results.json").write_text(text)
    print(text)
    print(f"\n{where}\n\n{table(figures)}")
    if keep:
        before, _, rest = RESULTS.read_text().partition(START)
        after = rest.partition(END)[2]
        RESULTS.write_text(f"{before}{START}\n\n`{command}`, {where}\n\n{table(figures)}\n\n{END}{after}")


def _cells(figure: Figure) -> list[str]:
    return [
        figure.name,
        f"{_text(figure.value)} {figure.unit}",
        figure.peer,
        _text(figure.peer_value) if figure.peer else "",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        _bound(figure, figure.at_least),
        _bound(figure, figure.aim),
        figure.verdict,
    ]


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bound(figure: Figure, bound: float | None) -> str:
    if bound is None:
        return ""
    if figure.ratio is not None and not figure.at_most:
        return f"{bound:g} x"
    return f"{'≤' if figure.at_most else '≥'} {bound:,g} {figure.unit}"


def machine(connection: Connection) -> str:
    """The machine and the versions that figures were measured with."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "CPU"
    )
    cores = sum(line.startswith("processor") for line in _lines("/proc/cpuinfo"))
    memory = int(_lines("/proc/meminfo")[0].split()[1]) / 1024**2
    row = connection.execute("SHOW server_version").fetchone()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d')}, {cores} x {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, PostgreSQL {row[0] if row else '?'}, {packages}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
