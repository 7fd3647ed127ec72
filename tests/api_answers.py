"""Every answer that a test gets from the API is held against the OpenAPI document: its status, code and members.

`API_EXAMPLES=1 make test` writes what was asked and answered to the examples of the document, one for each call,
status and code. An example is never written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from django.urls import Resolver404, resolve
from drf_spectacular.generators import SchemaGenerator

API = "/api/v1/"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; made once, in about a second."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


@cache
def calls() -> dict[tuple[str, str], dict[str, Any]]:
    """Operations by method and path, the path with its parameters in braces."""
    return {
        (method.upper(), path): operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


@cache
def validator(method: str, path: str, status: int) -> jsonschema_rs.Validator | None:
    """What checks the body of this answer; None for an answer without one."""
    answer = calls()[method, path]["responses"][str(status)]
    content = next(iter(answer.get("content", {}).values()), None)
    if content is None:
        return None
    return jsonschema_rs.validator_for(content["schema"] | {"components": document()["components"]})


def path_of(url: str) -> str | None:
    """The path as the document writes it; None for a URL that does not exist."""
    try:
        route = resolve(url).route
    except Resolver404:
        return None
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


def hold_against_the_document(method: str, url: str, answer: Any) -> None:
    """Fail for a status, an error code or a member that the document does not name."""
    path = path_of(url)
    # The document and its page do not describe themselves, and a method that a URL lacks is no call.
    if path is None or (method, path) not in calls() or answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    call, status = calls()[method, path], answer.status_code
    assert str(status) in call["responses"], f"{method} {path} is not documented to answer {status}: {answer.content!r}"
    if (check := validator(method, path, status)) is None:
        return
    body = json.loads(answer.content)
    faults = [f"{error.instance_path}: {error.message}" for error in check.iter_errors(body)]
    assert not faults, f"{method} {path} answers {status} otherwise than documented: {faults[:3]}"
    if status >= HTTPStatus.BAD_REQUEST:
        described = call["responses"][str(status)]["description"]
        assert f"`{body['code']}`" in described, f"{method} {path} is not documented to answer {body['code']}"


@pytest.fixture(scope="session", autouse=True)
def _answers_are_as_documented() -> Iterator[None]:
    request = Client.request

    def checked(self: Client, **environ: Any) -> Any:
        answer = request(self, **environ)
        url = str(environ.get("PATH_INFO", ""))
        if url.startswith(API):
            hold_against_the_document(str(environ.get("REQUEST_METHOD")), url, answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", checked)
        yield
