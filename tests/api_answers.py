"""Every answer that a test gets from the API is held against the OpenAPI document: its status, code and members.

`make api-examples` runs the tests of the API and takes the examples of the document from what they ask and get:
one for each call and status, one for each error code and one for each header. No example is written by hand.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from django.test.client import FakePayload
from django.urls import Resolver404, resolve
from hypothesis import currently_in_test_context

API = "/api/v1/"
EXAMPLES = Path(__file__).parent.parent / "orchestrator_site" / "api_schema" / "examples.json"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; made once, in about a second."""
    # Here: it needs settings, and writing the examples does not.
    from drf_spectacular.generators import SchemaGenerator

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


def hold_against_the_document(method: str, url: str, status: int, content: bytes) -> None:
    """Fail for a status, an error code or a member that the document does not name."""
    path = path_of(url)
    # The document and its page do not describe themselves, and a method that a URL lacks is no call.
    if path is None or (method, path) not in calls():
        return
    call = calls()[method, path]
    assert str(status) in call["responses"], f"{method} {path} is not documented to answer {status}: {content!r}"
    if not content:
        return
    if (check := validator(method, path, status)) is None:
        return
    body = json.loads(content)
    faults = [f"{error.instance_path}: {error.message}" for error in check.iter_errors(body)]
    assert not faults, f"{method} {path} answers {status} otherwise than documented: {faults[:3]}"
    if status >= HTTPStatus.BAD_REQUEST:
        described = call["responses"][str(status)]["description"]
        assert f"`{body['code']}`" in described, f"{method} {path} is not documented to answer {body['code']}"


@pytest.fixture(scope="session", autouse=True)
def _answers_are_as_documented() -> Iterator[None]:
    request, alone = Client.request, Lock()

    def checked(self: Client, **environ: Any) -> Any:
        method, url = str(environ.get("REQUEST_METHOD")), str(environ.get("PATH_INFO", ""))
        if not url.startswith(API):
            return request(self, **environ)
        sent = environ["wsgi.input"].read() if "wsgi.input" in environ else b""
        answer = request(self, **environ | {"wsgi.input": FakePayload(sent)})
        # Of two threads that ask first, the generator would see the other's half-loaded extensions.
        with alone:
            # A file is sent in parts, which whoever has asked for it reads; it is no JSON.
            content = b"" if answer.streaming else answer.content
            answered(method, url, sent, answer.status_code, content, answer.headers)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", checked)
        yield


# Longer ones would hide the document.
MAX_EXAMPLE = 3000


def answered(  # noqa: PLR0917 (what an answer is made of)
    method: str, url: str, sent: bytes, status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Hold one answer, whoever gave it, against the document, and keep it where examples are being taken."""
    hold_against_the_document(method, url, status, content)
    path, folder = path_of(url), os.environ.get("API_EXAMPLES")
    # What hypothesis makes up is no example to anybody.
    if not folder or (method, path) not in calls() or currently_in_test_context():
        return
    call = calls()[method, str(path)]
    kept = {
        "call": call["operationId"],
        "status": status,
        "sent": sent.decode(errors="replace"),
        "answered": json.loads(content) if content else None,
        "headers": {name: headers[name] for name in call["responses"][str(status)]["headers"] if name in headers},
    }
    # Every process to a file of its own.
    with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(kept) + "\n")


def examples(folder: Path) -> dict[str, dict[str, Any]]:
    """The examples by call: `request`, each status of success, each error code; and `headers` by name.

    Of several the fullest that is not too long; where all are, the shortest. Of headers the first in order.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for kept in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            call = found.setdefault(kept["call"], {})
            headers = call.setdefault("headers", {})
            headers |= {name: min(text, headers.get(name, text)) for name, text in kept["headers"].items()}
            if kept["answered"] is None:
                continue
            is_error = kept["status"] >= HTTPStatus.BAD_REQUEST
            name = kept["answered"]["code"] if is_error else str(kept["status"])
            _take_fuller(call, name, kept["answered"])
            if not is_error and kept["sent"]:
                _take_fuller(call, "request", json.loads(kept["sent"]))
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def _take_fuller(call: dict[str, Any], name: str, document: Any) -> None:
    length, known = (len(json.dumps(each)) for each in (document, call.get(name, "")))
    if known < length <= MAX_EXAMPLE or known > max(length, MAX_EXAMPLE) or name not in call:
        call[name] = document


if __name__ == "__main__":
    EXAMPLES.write_text(json.dumps(examples(Path(sys.argv[1])), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
