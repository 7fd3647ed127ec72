"""Mutation testing of the pure cores: `python -m tests.mutants [policies.core ...]`, in one process.

mutmut changes one thing at a time and runs the tests that reach the changed function. A mutant that no
test notices is printed as a difference; docs/mutants.md says of each that is left why it may be.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "mutants"  # mutmut's copy of the project, with all mutants in it
CORES = ("policies.core", "experiments.core", "outcomes.core", "signals_app.alerts")
MUTMUT = str(Path(sys.executable).with_name("mutmut"))
# These have done their work before the first test: a mutant of them comes too late to be noticed.
RUN_AT_IMPORT = (
    "policies.core.settings.x__setting__", "policies.core.settings.x__guardrail__", "policies.core.settings.x__row__",
    "policies.core.rules.x__from__", "policies.core.rules.x__inputs_from__", "policies.core.rules.x__rule__",
)  # fmt: skip
# pytest's exit codes in mutmut's records: 0 is a run in which every test passed, 33 one without any test.
PASSED, WITHOUT_TEST = 0, 33


@dataclass(frozen=True)
class File:
    """What became of the mutants of one file."""

    name: str
    results: dict[str, int | None]

    @property
    def survivors(self) -> list[str]:
        """Mutants that the tests let pass, or that no test reaches."""
        return [mutant for mutant, code in self.results.items() if code in {PASSED, WITHOUT_TEST}]


def main() -> int:
    """Run the mutants of the cores named, all by default; print survivors per file, then each of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cores", nargs="*", default=CORES, metavar="core", help=", ".join(CORES))
    parser.add_argument("--quiet", action="store_true", help="leave the differences out")
    options = parser.parse_args()
    # Verdicts of a former run would stay although a test has changed since.
    shutil.rmtree(COPY, ignore_errors=True)
    patterns = [f"{core}.*" for core in options.cores]
    run = subprocess.run([MUTMUT, "run", "--max-children", "1", *patterns], cwd=ROOT, check=False, capture_output=True)
    if run.returncode:
        # Without the thousand frames of its spinner.
        sys.stderr.write("\n".join(run.stdout.decode().replace("\r", "\n").splitlines()[-40:]) + run.stderr.decode())
        return run.returncode
    files = [file for core in options.cores for file in files_of(core)]
    print_table(files)
    if not options.quiet:
        for mutant in (mutant for file in files for mutant in file.survivors):
            print(f"\n{difference(mutant)}")
    return 0


def files_of(core: str) -> list[File]:
    records = sorted((COPY / core.replace(".", "/")).rglob("*.meta"))
    found = [
        (record, {mutant: code for mutant, code in codes.items() if not mutant.startswith(RUN_AT_IMPORT)})
        for record in records
        for codes in [json.loads(record.read_text())["exit_code_by_key"]]
    ]
    return [File(str(record.relative_to(COPY)).removesuffix(".meta"), results) for record, results in found if results]


def print_table(files: list[File]) -> None:
    """One line a file, and their sum."""
    print(f"{'file':44}{'mutants':>9}{'survived':>9}{'no test':>9}{'%':>7}")
    total = File("all", {mutant: code for file in files for mutant, code in file.results.items()})
    for file in [*files, total]:
        count = Counter(file.results.values())
        share = 100 * len(file.survivors) / len(file.results)
        print(f"{file.name:44}{len(file.results):9}{count[PASSED]:9}{count[WITHOUT_TEST]:9}{share:7.1f}")


def difference(mutant: str) -> str:
    """The mutant as a patch, without its head and the lines around."""
    shown = subprocess.run([MUTMUT, "show", mutant], cwd=ROOT, check=True, capture_output=True, text=True)
    return "\n".join([mutant, *(line for line in shown.stdout.splitlines() if line.startswith(("-", "+", "@")))])


if __name__ == "__main__":
    sys.exit(main())
