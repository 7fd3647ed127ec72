"""Error codes: each stands once in the table, with its status, and no other can be raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from rest_framework import exceptions

from kernel.errors import DomainError
from kernel.problems import PROBLEMS, SECTIONS, problem_body
from tests.kernel.product import modules

# Codes that Django REST framework gives by itself.
FROM_DRF = {
    "blank", "empty", "error", "max_decimal_places", "max_digits", "max_length", "max_string_length", "max_value",
    "max_whole_digits", "method_not_allowed", "min_length", "min_value", "not_acceptable", "not_a_dict", "not_a_list",
    "null", "null_characters_not_allowed", "overflow", "parse_error", "required",
    "surrogate_characters_not_allowed", "throttled", "unsupported_media_type", "invalid_choice",
}  # fmt: skip


MODULES = modules()


def places_of_codes() -> dict[str, int]:
    """Functions and classes that take a `code`: the position of it among their arguments."""
    places = {"ErrorDetail": 1, "ValidationError": 1, "DomainError": 0}
    nodes = [node for module in MODULES.values() for node in ast.walk(module)]
    for function in nodes:
        if isinstance(function, ast.FunctionDef) and not function.name.startswith("__"):
            names = [argument.arg for argument in function.args.args if argument.arg != "self"]
            if "code" in names:
                places[function.name] = names.index("code")
    for _ in range(3):  # errors of errors of errors
        for node in nodes:
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in places for base in node.bases):
                places.setdefault(node.name, 0)
    return places


def codes_in(module: ast.Module, places: dict[str, int]) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            # `super().__init__("code", ...)` inside a class of errors.
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__" and node.name in places:
                    yield from literal(call.args[:1])
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in places:
                yield from literal(node.args[places[name] : places[name] + 1])
            yield from literal([keyword.value for keyword in node.keywords if keyword.arg == "code"])


def literal(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield node.value


def test_every_code_in_the_product_is_in_the_table() -> None:
    places = places_of_codes()

    strays = {
        path: codes for path, module in MODULES.items() if (codes := set(codes_in(module, places)) - PROBLEMS.keys())
    }

    assert strays == {}


def test_a_code_outside_the_table_would_be_found() -> None:
    stray = ast.parse('raise DomainError("no_such_code", "Oops.")')

    assert list(codes_in(stray, places_of_codes())) == ["no_such_code"]


def test_the_table_has_no_code_that_nothing_answers() -> None:
    written = {
        node.value
        for path, module in MODULES.items()
        if path != "kernel/problems.py"
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert PROBLEMS.keys() - written == FROM_DRF - written


def test_no_code_is_listed_twice() -> None:
    codes = [problem.code for _, problems in SECTIONS for problem in problems]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", exceptions.APIException.__subclasses__(), ids=lambda error: error.__name__)
def test_every_error_of_the_framework_has_its_status_in_the_table(error: type[exceptions.APIException]) -> None:
    code = {"authentication_failed": "unauthorized", "not_authenticated": "unauthorized"}.get(
        error.default_code, error.default_code
    )

    assert PROBLEMS[code].status == error.status_code


def test_an_error_with_a_code_outside_the_table_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        DomainError("no_such_code", "Oops.")


def test_a_problem_document_has_the_status_and_title_of_its_code() -> None:
    body = problem_body("shadow_too_late", "Too late.", request_id="r1")

    assert body == {
        "type": "urn:orchestrator:problem:shadow_too_late",
        "title": PROBLEMS["shadow_too_late"].meaning,
        "status": 409,
        "detail": "Too late.",
        "code": "shadow_too_late",
        "errors": [],
        "request_id": "r1",
    }
