"""How the OpenAPI document is made from views and serializers, and what is added to it.

A call's summary is the first line of its view's docstring, its description that of the method. What the
serializers cannot say is added at the end: errors by status with their codes and a real answer each, headers,
and that an object holds no other members than those named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from drf_spectacular.openapi import AutoSchema

import policies.schema  # noqa: F401 (registers itself)
from kernel.fields import JSON_OBJECT, JSON_OR_NULL, STORABLE
from kernel.problems import ANY_BODY, ANY_CALL, CALLS, PROBLEMS
from kernel.values import INSTANT_PATTERN
from orchestrator_site.api_schema import fields  # noqa: F401 (registers itself)

# Whose call it is, by its permission.
CALLERS = {"IsEngine": "engines", "IsFeeder": "feeders", "IsAnalyst": "analysts"}
KEYS = {"engines": "engine A or B", "feeders": "a feeder", "analysts": "an analyst"}
METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457). Act on `code`; show `detail` to people.",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:orchestrator:problem:[a-z_]+$"},
        "title": {"type": "string", "description": "What the code means."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "code": {"type": "string", "description": "Stable, for machines.", "enum": sorted(PROBLEMS)},
        "errors": {
            "type": "array",
            "description": "What is wrong with single members of the request.",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the request."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
                "required": ["pointer", "code", "detail"],
            },
        },
        "request_id": {"type": "string", "description": "Stands in the log, too."},
    },
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
}
# Its own pattern is for clients that check no formats.
SENT_INSTANT = {
    "type": "string",
    "description": "RFC 3339 with a time zone, 1970 to 2100, at most nanoseconds; cut to microseconds.",
    "format": "date-time",
    "pattern": INSTANT_PATTERN,
}
# Beyond these, no double holds a number.
_LARGEST = 1.7976931348623157e308
ANY_JSON: dict[str, Any] = {
    "description": "Any JSON value but null, without U+0000.",
    "anyOf": [
        {"type": "boolean"},
        {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST},
        {"type": "string", "pattern": STORABLE},
        {"type": "array", "items": JSON_OR_NULL},
        JSON_OBJECT,
    ],
}
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
CHALLENGE = {"description": "How to say who calls.", "schema": {"type": "string"}}
REQUEST_ID = {"description": "Stands in the log, too.", "schema": {"type": "string"}}
# What calls were asked and answered in the tests, kept by `tests/api_answers.py`.
EXAMPLES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text(encoding="utf-8"))
# A code that this call was not seen to answer is shown as another call answered it.
_OF_ANY_CALL = {name: example for call in EXAMPLES.values() for name, example in call.items()}
_HEADERS_OF_ANY_CALL = {name: text for call in EXAMPLES.values() for name, text in call.get("headers", {}).items()}


class CallSchema(AutoSchema):
    """One call as its view describes it."""

    def get_summary(self) -> str:
        """The first line of the view's docstring."""
        return str(type(self.view).__doc__).splitlines()[0].rstrip(".")

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """With what holds of several fields together."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return schema | getattr(serializer, "together", {})

    def get_tags(self) -> list[str]:
        """Whose key the call takes."""
        return [CALLERS[getattr(self.view.permission_classes[0], "__name__", "")]]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add errors, examples, headers and strictness to the generated document."""
    schemas = result["components"]["schemas"]
    schemas |= {"Problem": PROBLEM, "Instant": SENT_INSTANT, "JSON": ANY_JSON}
    for method, operation in operations(result):
        _finish_call(operation, takes_body=method == "post")
    result["tags"] = [{"name": name, "description": f"Calls that take the key of {KEYS[name]}."} for name in KEYS]
    for schema in schemas.values():
        _close(schema)
    _unwrap(result)
    return result


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call with its method."""
    for methods in document["paths"].values():
        for method in METHODS:
            if method in methods:
                yield method, methods[method]


def codes_of(operation_id: str, *, takes_body: bool) -> tuple[str, ...]:
    """The codes of every error that this call may be answered with; raise LookupError for one that is not in CALLS."""
    if operation_id not in CALLS:
        raise LookupError(f"Add {operation_id} to CALLS in kernel/problems.py.")
    return (*ANY_CALL, *(ANY_BODY if takes_body else ()), *CALLS[operation_id])


def _finish_call(operation: dict[str, Any], *, takes_body: bool) -> None:
    name = operation["operationId"]
    examples = EXAMPLES.get(name, {})
    body = operation.get("requestBody")
    if body is not None:
        body["required"] = True
        if "request" in examples:
            body["content"]["application/json"].setdefault("examples", {})["sent"] = {"value": examples["request"]}
    answers = operation["responses"]
    for status, answer in answers.items():
        answer["description"] = answer.get("description") or HTTPStatus(int(status)).phrase + "."
        if (example := examples.get(status)) is not None and "content" in answer:
            answer["content"]["application/json"].setdefault("examples", {})["answered"] = {"value": example}
    by_status: dict[int, list[str]] = {}
    for code in codes_of(name, takes_body=takes_body):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        answers[str(status)] = _error(status, codes, examples)
    for answer in answers.values():
        headers = answer.setdefault("headers", {})
        headers["X-Request-ID"] = REQUEST_ID
        for header, described in headers.items():
            headers[header] = described | _seen(header, described, examples)


def _seen(header: str, described: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    text = examples.get("headers", {}).get(header) or _HEADERS_OF_ANY_CALL.get(header)
    if text is None:
        return {}
    return {"example": int(text) if described["schema"]["type"] == "integer" else text}


def _error(status: int, codes: list[str], examples: dict[str, Any]) -> dict[str, Any]:
    known = {code: {"value": found} for code in codes if (found := examples.get(code) or _OF_ANY_CALL.get(code))}
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if known:
        content["examples"] = known
    answer: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}.",
        "content": {"application/problem+json": content},
    }
    if status == HTTPStatus.UNAUTHORIZED:
        answer["headers"] = {"WWW-Authenticate": CHALLENGE}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": RETRY_AFTER}
    return answer


def _unwrap(schema: Any) -> None:
    """Let a reference stand beside its description, as OpenAPI 3.1 has it; the library wraps it as 3.0 needed."""
    if isinstance(schema, dict):
        if len(schema.get("allOf", ())) == 1:
            schema |= schema.pop("allOf")[0] | schema
        for part in schema.values():
            _unwrap(part)
    elif isinstance(schema, list):
        for part in schema:
            _unwrap(part)


def _close(schema: Any) -> None:
    """Say of every object that names its members that it has no others, unless it says what others may be."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)
