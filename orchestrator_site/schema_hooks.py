"""Finishing touches of the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from kernel.problems import ANSWERED

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "code": {"type": "string", "description": "Stable code for machines."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
}


def add_problem_answers(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the problem document to every operation's answers."""
    # Every call can be answered so, and no serializer declares it.
    codes: dict[int, list[str]] = {}
    for problem in ANSWERED:
        codes.setdefault(problem.status, []).append(f"`{problem.code}`")
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in result["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and "responses" in operation:
                for status in sorted(codes):
                    description = f"{HTTPStatus(status).phrase}: {', '.join(codes[status])}."
                    operation["responses"].setdefault(str(status), {"description": description, "content": content})
    return result
