"""Mutation testing of the pure cores: `python -m tests.mutants [policies.core experiments.core.what_if ...]`.

mutmut changes one thing at a time in a module and runs the tests of that module, in one process. A mutant that
none of them notices is printed as a difference; docs/mutants.md says of each that is left why it may be.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORES = ("policies.core", "experiments.core", "outcomes.core", "signals_app.alerts")
# As a module, because the script beside the interpreter names the path at which it was installed.
MUTMUT = (sys.executable, "-m", "mutmut")
# Where a module's tests are not in the one file that has its name.
TESTS_OF = {
    "policies.core.rules": [
        "policies/core/test_rules.py", "policies/core/test_state.py", "experiments/core/test_explanation.py",
    ],
    "policies.core.settings": ["policies/core/test_settings.py", "policies/core/test_changes.py"],
    "experiments.core.decision": ["experiments/core/test_decision.py", "experiments/core/test_assignment.py"],
    "outcomes.core.amendments": ["outcomes/core/test_documents.py", "outcomes/core/test_fills.py"],
    "outcomes.core.block_file": ["outcomes/test_evaluation_judge.py"],
    "outcomes.core.books": [
        "outcomes/core/test_books.py", "outcomes/core/test_books_risk.py", "outcomes/core/test_fills.py",
    ],
    "outcomes.core.checks": [
        "outcomes/core/test_checks_plan.py", "outcomes/core/test_checks_settlement.py",
        "outcomes/core/test_checks_times.py", "outcomes/core/test_checks_pair.py",
    ],
    "outcomes.core.evaluation": ["outcomes/core/test_evaluation.py", "outcomes/core/test_slices.py"],
    "outcomes.core.evidence": ["outcomes/core/test_evidence.py", "outcomes/core/test_judging.py"],
    "outcomes.core.quoting": [
        "outcomes/core/test_quoting.py", "outcomes/core/test_instruments.py", "outcomes/core/test_trades.py",
    ],
    "outcomes.core.reports": ["outcomes/core/test_reports.py", "outcomes/core/test_documents.py"],
    "outcomes.core.risk": ["outcomes/core/test_books_risk.py"],
    "outcomes.core.statistics": [
        "outcomes/core/test_statistics.py", "outcomes/core/test_paired_statistics.py", "outcomes/core/test_e_values.py",
    ],
    "outcomes.core.values": ["outcomes/core/test_values.py", "outcomes/core/test_judging.py"],
    "signals_app.alerts.alert": [
        "signals_app/alerts/test_alert.py", "signals_app/alerts/test_alert_time.py",
        "signals_app/alerts/test_envelopes.py",
    ],
    "signals_app.alerts.decoding": [
        "signals_app/alerts/test_decoding.py", "signals_app/alerts/test_secret_masking.py",
    ],
    "signals_app.alerts.directions": [
        "signals_app/alerts/test_alert_direction.py", "signals_app/alerts/test_option_direction.py",
        "signals_app/alerts/test_alert_closing.py",
    ],
    "signals_app.alerts.documents": [
        "signals_app/alerts/test_documents_context.py", "signals_app/alerts/test_documents_identity.py",
    ],
    "signals_app.alerts.fields": [
        "signals_app/alerts/test_alert_symbol.py", "signals_app/alerts/test_alert_direction.py",
        "signals_app/alerts/test_option_direction.py", "signals_app/alerts/test_alert.py",
        "signals_app/alerts/test_missing.py", "signals_app/alerts/test_alert_time.py",
    ],
}  # fmt: skip
# These have done their work before the first test: a mutant of them comes too late to be noticed.
RUN_AT_IMPORT = (
    "policies.core.settings.x__setting__", "policies.core.settings.x__guardrail__", "policies.core.settings.x__row__",
    "policies.core.rules.x__from__", "policies.core.rules.x__inputs_from__", "policies.core.rules.x__rule__",
    "signals_app.alerts.fields.x_in_order__",
)  # fmt: skip
# pytest's exit codes in mutmut's records: 0 is a run in which every test passed, 33 one without any test.
PASSED, WITHOUT_TEST = 0, 33


@dataclass(frozen=True)
class Module:
    """What became of the mutants of one module; the survivors with the change that nothing noticed."""

    name: str
    results: dict[str, int | None]
    survivors: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """One row of the table in docs/mutants.md."""
        share = 100 * len(self.survivors) / max(1, len(self.results))
        return f"| {self.name:36} | {len(self.results):7} | {len(self.survivors):9} | {share:4.1f} |"


def main() -> int:
    """Run the mutants of the cores or modules named, all by default; print a table, then every survivor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=CORES, metavar="name", help=f"{', '.join(CORES)}, or a module")
    parser.add_argument("--quiet", action="store_true", help="leave the differences out")
    options = parser.parse_args()
    modules = []
    print("| module                               | mutants | survivors |    % |")
    print("|--------------------------------------|---------|-----------|------|")
    # A copy, because mutmut takes which tests to run from the project's own settings.
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
        for name in tracked.stdout.splitlines():
            if (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, Path(folder) / name)
        for name in (module for asked in options.names for module in modules_of(asked)):
            module = mutated(name, Path(folder))
            if module.results:
                modules.append(module)
                print(module.line(), flush=True)
    merged: dict[str, int | None] = {}
    survivors: dict[str, str] = {}
    for module in modules:
        merged |= module.results
        survivors |= module.survivors
    print(Module("all", merged, survivors).line())
    if not options.quiet:
        for mutant, change in survivors.items():
            print(f"\n{mutant}\n{change}")
    return 0


def modules_of(asked: str) -> list[str]:
    """The modules of a core, or the one module that was asked for."""
    folder = ROOT / asked.replace(".", "/")
    return [f"{asked}.{path.stem}" for path in sorted(folder.glob("[!_]*.py"))] if folder.is_dir() else [asked]


def mutated(name: str, project: Path) -> Module:
    """Change the module in this copy of the project in every way, and run its tests each time."""
    path = f"{name.replace('.', '/')}.py"
    package, _, stem = name.rpartition(".")
    tests = [f"tests/{test}" for test in TESTS_OF.get(name, [f"{package.replace('.', '/')}/test_{stem}.py"])]
    configuration = (ROOT / "pyproject.toml").read_text()
    for key, value in (("only_mutate", [path]), ("pytest_add_cli_args_test_selection", tests)):
        configuration = re.sub(
            rf"^{key} = \[.*?\]", f"{key} = {json.dumps(value)}", configuration, flags=re.DOTALL | re.MULTILINE
        )
    (project / "pyproject.toml").write_text(configuration)
    # Verdicts of another selection of tests say nothing.
    shutil.rmtree(project / "mutants", ignore_errors=True)
    command = [*MUTMUT, "run", "--max-children", "1", f"{name}.*"]
    run = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)
    record = project / "mutants" / f"{path}.meta"
    if run.returncode and (not record.exists() or json.loads(record.read_text())["exit_code_by_key"]):
        # Without the thousand frames of its spinner.
        raise SystemExit("\n".join(run.stdout.replace("\r", "\n").splitlines()[-40:]) + run.stderr)
    codes: dict[str, int | None] = json.loads(record.read_text())["exit_code_by_key"]
    results = {mutant: code for mutant, code in codes.items() if not mutant.startswith(RUN_AT_IMPORT)}
    alive = [mutant for mutant, code in results.items() if code in {PASSED, WITHOUT_TEST}]
    return Module(name, results, {mutant: difference(mutant, project) for mutant in alive})


def difference(mutant: str, project: Path) -> str:
    """The mutant as a patch, without its head and the lines around."""
    shown = subprocess.run([*MUTMUT, "show", mutant], cwd=project, check=True, capture_output=True, text=True)
    return "\n".join(line for line in shown.stdout.splitlines() if line.startswith(("-", "+", "@")))


if __name__ == "__main__":
    sys.exit(main())
