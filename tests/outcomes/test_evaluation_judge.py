"""`manage.py evaluation judge`: anybody can check a verdict from its blocks, without a database."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from outcomes.core.evidence import Block, Wager, judge
from tests.golden import GOLDEN_FOLDER

# No mark for the database: pytest-django refuses every connection here.
GOLDEN: list[dict[str, Any]] = json.loads((GOLDEN_FOLDER / "verdict.json").read_text())["cases"]
EXAMPLE = Path(__file__).parents[2] / "examples" / "blocks.json"
ONE: dict[str, Any] = {"worst_block": 5, "blocks": [{"x": 1, "m": 1}]}


def judged(file: Path) -> Any:
    output = io.StringIO()
    call_command("evaluation", "judge", blocks=file, stdout=output)
    return json.loads(output.getvalue())


def judged_document(folder: Path, document: Any) -> Any:
    file = folder / "blocks.json"
    file.write_text(json.dumps(document))
    return judged(file)


def refusal(folder: Path, content: bytes) -> str:
    file = folder / "blocks.json"
    file.write_bytes(content)
    with pytest.raises(CommandError) as raised:
        judged(file)
    assert raised.value.returncode == 2
    return str(raised.value).removeprefix(str(file))


def near(expected: Any, tolerance: float) -> Any:
    """The expected answer, with each amount that is written as text compared as a number."""
    if isinstance(expected, dict):
        return {name: near(value, tolerance) for name, value in expected.items()}
    if isinstance(expected, list):
        return [near(value, max(tolerance, 1e-7)) for value in expected]
    try:
        return Amount(expected, tolerance) if isinstance(expected, str) else expected
    except ValueError:
        return expected


class Amount:
    """Equal to text that says the same number; to no number, because amounts are written as text."""

    def __init__(self, text: str, tolerance: float) -> None:
        self.near = pytest.approx(float(text), rel=tolerance)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and float(other) == self.near

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_known_answers(tmp_path: Path, case: dict[str, Any]) -> None:
    found = judged_document(tmp_path, case)

    assert found == near(case["expect"], 1e-6 if case["name"] == "tiny amounts" else 1e-9)


def test_a_list_is_answered_by_a_list_in_its_order(tmp_path: Path) -> None:
    found = judged_document(tmp_path, GOLDEN)

    assert [answer["verdict"] for answer in found] == [case["expect"]["verdict"] for case in GOLDEN]


def test_a_single_document_is_answered_by_one(tmp_path: Path) -> None:
    found = judged_document(tmp_path, ONE)

    assert (found["verdict"], float(found["e_a"])) == ("RUNNING", judge([Block(1, 1, 1)], Wager(5.0)).e_a)


def test_the_shipped_blocks_find_engine_a_better() -> None:
    assert judged(EXAMPLE)["verdict"] == "A_BETTER"


def test_what_is_left_out_is_no_margin_no_horizon_and_five_percent(tmp_path: Path) -> None:
    least = {"worst_block": 5, "blocks": [{"x": 0, "m": 1}] * 40}
    full = least | {"margin": "0", "horizon_blocks": None, "alpha": "0.05"}

    assert judged_document(tmp_path, least) == judged_document(tmp_path, full)


def test_a_horizon_of_one_block_ends_at_it(tmp_path: Path) -> None:
    found = judged_document(tmp_path, ONE | {"horizon_blocks": 1})

    assert (found["verdict"], found["at_block"]) == ("INCONCLUSIVE", 1)


def test_every_term_counts(tmp_path: Path) -> None:
    still = [{"x": 0, "m": 1}] * 40

    equal = judged_document(tmp_path, {"worst_block": 5, "margin": "1", "blocks": still})
    over = judged_document(tmp_path, {"worst_block": 5, "horizon_blocks": "7", "blocks": still})
    sure = judged_document(tmp_path, {"worst_block": 5, "alpha": 0.5, "blocks": [{"x": 3, "m": 1}] * 4})

    assert (equal["verdict"], equal["at_block"]) == ("EQUIVALENT", 25)
    assert (over["verdict"], over["at_block"]) == ("INCONCLUSIVE", 7)
    assert (sure["verdict"], sure["at_block"]) == ("A_BETTER", 4)


def test_blocks_may_keep_what_an_evaluation_shows_beside_them(tmp_path: Path) -> None:
    block = {"from": "2026-03-16", "to": "2026-03-16", "n": 4, "x_low": "0.5", "x_high": "1", "m": "2", "e_a": "1.1"}

    found = judged_document(tmp_path, {"worst_block": "5", "blocks": [block]})

    assert float(found["e_a"]) == judge([Block(0.5, 1, 2)], Wager(5.0)).e_a


@pytest.mark.parametrize(
    ("change", "pointer", "reason"),
    [
        ({"margn": 1}, "/margn", "Unknown field; the fields are worst_block, margin, horizon_blocks, alpha, blocks."),
        ({"worst_block": 0}, "/worst_block", "Must be greater than 0."),
        ({"worst_block": None}, "/worst_block", "Must be a number."),
        ({"margin": "-0.1"}, "/margin", "Must not be negative; 0 means that nobody asks for equivalence."),
        ({"margin": "wide"}, "/margin", "Must be a number."),
        ({"alpha": 0}, "/alpha", "Must be greater than 0 and less than 1."),
        ({"alpha": 1}, "/alpha", "Must be greater than 0 and less than 1."),
        ({"alpha": "small"}, "/alpha", "Must be a number."),
        ({"horizon_blocks": 0}, "/horizon_blocks", "Must be a whole number of at least 1, or null for no horizon."),
        ({"horizon_blocks": 2.5}, "/horizon_blocks", "Must be a whole number of at least 1, or null for no horizon."),
        ({"horizon_blocks": "far"}, "/horizon_blocks", "Must be a number."),
        ({"blocks": {}}, "/blocks", "Expected a list of blocks."),
        ({"blocks": [1]}, "/blocks/0", "Expected {x, m} or {x_low, x_high, m}."),
        ({"blocks": [{"m": 1}]}, "/blocks/0/x_low", "Is missing."),
        ({"blocks": [{"x_low": 1, "m": 1}]}, "/blocks/0/x_high", "Is missing."),
        ({"blocks": [{"x": 1}]}, "/blocks/0/m", "Is missing."),
        ({"blocks": [{"x": 1, "x_low": 1, "m": 1}]}, "/blocks/0", "Has both x and x_low or x_high; send one form."),
        ({"blocks": [{"x": 1, "x_high": 1, "m": 1}]}, "/blocks/0", "Has both x and x_low or x_high; send one form."),
        ({"blocks": [{"x_low": 2, "x_high": 1, "m": 1}]}, "/blocks/0/x_low", "Must not be greater than x_high."),
        ({"blocks": [{"x": 1, "m": 1}, {"x": 1, "m": 0}]}, "/blocks/1/m", "Must be greater than 0."),
        ({"blocks": [{"x": "much", "m": 1}]}, "/blocks/0/x", "Must be a number."),
        ({"blocks": [{"x": True, "m": 1}]}, "/blocks/0/x", "Must be a number."),
        ({"blocks": [{"x": float("nan"), "m": 1}]}, "/blocks/0/x", "Must be a number of at most 1e+100."),
        ({"blocks": [{"x": 1e101, "m": 1}]}, "/blocks/0/x", "Must be a number of at most 1e+100."),
        ({"blocks": [{"x": 10**400, "m": 1}]}, "/blocks/0/x", "Must be a number."),
    ],
)
def test_what_cannot_be_judged_is_named(tmp_path: Path, change: dict[str, Any], pointer: str, reason: str) -> None:
    said = refusal(tmp_path, json.dumps(ONE | change).encode())

    assert said == f" at {pointer}: {reason}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", ": Not JSON: Expecting property name"),
        (b"[" * 100_000, ": The JSON cannot be read: it is nested too deeply, or a number is too long."),
        (b"1" * 5_000, ": The JSON cannot be read: it is nested too deeply, or a number is too long."),
        (b"\xff", "not UTF-8"),
        (b"7", ": Expected an object with worst_block and blocks, or a list of them."),
        (b"[7]", " at /0: Expected an object"),
        (b'[{"worst_block": 5, "blocks": []}, {"worst_block": 5}]', " at /1/blocks: Expected a list of blocks"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(tmp_path, content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Cannot read .*nowhere.json: No such file or directory."):
        judged(tmp_path / "nowhere.json")


def test_the_largest_numbers_that_are_taken_are_judged(tmp_path: Path) -> None:
    extreme = {"worst_block": 1e-100, "blocks": [{"x": x, "m": m} for x in (1e100, -1e100) for m in (1e-100, 1e100)]}

    assert judged_document(tmp_path, extreme)["verdict"] == "A_BETTER"


def test_the_smallest_alpha_that_is_taken_is_judged(tmp_path: Path) -> None:
    assert judged_document(tmp_path, ONE | {"alpha": 1e-100})["verdict"] == "RUNNING"


def test_amounts_are_written_to_the_last_digit_of_a_double(tmp_path: Path) -> None:
    found = judged_document(tmp_path, ONE | {"blocks": [{"x": 5, "m": 1}] * 200})

    assert re.fullmatch(r"[1-9]\.[0-9]{16}e\+[0-9]{2}", found["e_a"])
    assert float(found["e_a"]) == judge([Block(5, 5, 1)] * 200, Wager(5.0)).e_a
