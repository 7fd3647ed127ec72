"""What has one place and gets no second: readers and writers of values, reasons of rules, a worker's liveness."""

from __future__ import annotations

import ast

import pytest

from experiments.worker import liveness
from policies.core.rules import REASONS
from tests.kernel.product import modules

SECOND_PLACES = {
    "x.strftime('%Y')": "writes an instant",
    "x.isoformat()": "writes an instant",
    "f'{x:%Y-%m-%d}'": "writes an instant",
    "datetime.strptime(x)": "reads an instant",
    "datetime.fromisoformat(x)": "reads an instant",
    "parse_datetime(x)": "reads an instant",
    "x.isdigit()": "reads a whole number",
    "x.isdecimal()": "reads a whole number",
    "f'{x:f}'": "writes a decimal",
    "format(x, 'f')": "writes a decimal",
    "x.normalize()": "writes a decimal",
}
METHODS = {
    "strftime": "writes an instant",
    "isoformat": "writes an instant",
    "strptime": "reads an instant",
    "isdigit": "reads a whole number",
    "isdecimal": "reads a whole number",
    "normalize": "writes a decimal",
}
# Search decides between kinds of ids; Content-Length was checked by the HTTP server.
ALLOWED = {
    ("admin_kit/search.py", "reads a whole number"),
    ("orchestrator_site/web/handling.py", "reads a whole number"),
}


def findings(module: ast.Module) -> set[str]:
    return {what for node in ast.walk(module) if (what := finding(node))}


def finding(node: ast.AST) -> str:
    if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
        specification = ast.unparse(node.format_spec)
        if "%Y" in specification:
            return "writes an instant"
        return "writes a decimal" if specification in {"f'f'", "f'+f'"} else ""
    if not isinstance(node, ast.Call):
        return ""
    called = ast.unparse(node.func)
    if called.endswith(("parse_datetime", "datetime.fromisoformat")):
        return "reads an instant"
    if called == "format" and len(node.args) == 2 and ast.unparse(node.args[1]) == "'f'":
        return "writes a decimal"
    return METHODS.get(called.rpartition(".")[2], "") if isinstance(node.func, ast.Attribute) else ""


def test_nothing_outside_the_kernel_reads_or_writes_instants_decimals_and_whole_numbers() -> None:
    second = {
        (path, what)
        for path, module in modules().items()
        if not path.startswith("kernel/")
        for what in findings(module)
    }

    assert second - ALLOWED == set()


@pytest.mark.parametrize("code", SECOND_PLACES)
def test_a_second_place_would_be_found(code: str) -> None:
    assert findings(ast.parse(code)) == {SECOND_PLACES[code]}


def words(module: ast.Module) -> set[str]:
    return {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_a_reason_of_a_decision_is_written_where_its_rule_is_and_nowhere_else() -> None:
    places = {path for path, module in modules().items() if words(module).intersection(REASONS)}

    assert places == {"policies/core/rules.py"}


def test_only_liveness_says_when_a_worker_is_alive() -> None:
    # How long a stop may take is said of a group of programs as well; tests/processes hold the two to each other.
    times = {name for name in vars(liveness) if name.endswith("_SECONDS")} - {"STOP_SECONDS"}
    assert times

    for path, module in modules().items():
        targets = [target for node in ast.walk(module) if isinstance(node, ast.Assign) for target in node.targets]
        assigned = {ast.unparse(target) for target in targets}
        reads = any("FROM worker_heartbeats" in text or "INTO worker_heartbeats" in text for text in words(module))
        is_the_place = path == "experiments/worker/liveness.py"
        assert is_the_place or not assigned & times, path
        # Old heartbeats are removed with the other leftovers; that decides nothing.
        assert is_the_place or not reads or path == "experiments/worker/schedules.py", path
