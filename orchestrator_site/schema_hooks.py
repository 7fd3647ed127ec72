"""Finishing touches of the OpenAPI document."""

from __future__ import annotations

from typing import Any

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
# Every call can be answered so; the exception handler makes these documents, no serializer declares them.
ANSWERS = {
    "400": "The request is not valid.",
    "401": "The API key is missing or wrong.",
    "403": "The key's owner may not make this call.",
    "404": "There is no such thing here for this key.",
    "405": "This method is not offered here.",
    "409": "It contradicts what is stored.",
    "413": "The body is too large.",
    "503": "The database or all threads are busy; try again.",
}


def add_problem_answers(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the problem document to every operation's answers."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in result["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and "responses" in operation:
                for status, description in ANSWERS.items():
                    operation["responses"].setdefault(status, {"description": description, "content": content})
    return result
