"""`make verdict-suite`: how often each method is fooled, and how soon it finds a difference."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

from django.core.management.base import OutputWrapper

from benchmarks.verdict_suite.costs import cost_table
from benchmarks.verdict_suite.methods import METHODS
from benchmarks.verdict_suite.runs import BLOCKS, EARLIER, outcomes
from benchmarks.verdict_suite.streams import STREAMS
from benchmarks.verdict_suite.tables import false_table, flags_text, missed, power_table, rows_of
from kernel.progress import ProgressBar

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
START, END = "<!-- verdict suite -->", "<!-- end of verdict suite -->"


def main() -> int:
    """Run the streams, print the tables; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="make verdict-suite", description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000, help="runs of each stream (default %(default)s)")
    parser.add_argument("--seed", type=int, default=8, help="of all draws (default %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="streams whose name contains TEXT")
    parser.add_argument("--method", action="append", default=[], metavar="MODULE:FUNCTION", help="a method of your own")
    parser.add_argument("--keep", action="store_true", help="put the tables into benchmarks/RESULTS.md")
    options = parser.parse_args()
    methods = [*METHODS, *options.method]
    streams = [stream for stream in STREAMS if options.only in stream.name]
    if not streams:
        parser.error(f"no stream is called like {options.only!r}")
    begun = time.monotonic()
    bar = ProgressBar(OutputWrapper(sys.stderr), what="pieces", after_seconds=0.0)
    found = []
    for done, total, outcome in outcomes(streams, methods, runs=options.runs, seed=options.seed):
        found.append(outcome)
        bar.show(done, total)
    bar.clear()
    rows = rows_of(found, streams, methods)
    # Which methods are valid shows over all streams only.
    bars = [] if options.only else missed(rows)
    said = "Bars that are missed:\n\n" + "\n".join(f"- {bar}" for bar in bars) if bars else "No bar is missed."
    if options.only:
        said = "Bars are judged over all streams."
    how = (
        f"`make verdict-suite`, {options.runs:,} runs of {BLOCKS} blocks after {EARLIER} earlier ones, seed "
        f"{options.seed}, {time.monotonic() - begun:.0f} s on {len(os.sched_getaffinity(0))} cores, "
        f"Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    )
    text = "\n\n".join(
        [
            how,
            false_table(rows, methods),
            power_table(rows, methods),
            flags_text(rows),
            "Blocks until 80 % of the runs have their verdict, by the worst block promised; all in spreads of a block:",
            cost_table(options.runs, options.seed),
            said,
        ]
    )
    print(text)
    if options.keep:
        before, _, rest = RESULTS.read_text().partition(START)
        RESULTS.write_text(f"{before}{START}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
    return 1 if bars else 0


if __name__ == "__main__":
    sys.exit(main())
