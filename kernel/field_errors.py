"""What is wrong with a body, member by member, as DRF's validation tells it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ErrorDetail
from rest_framework.settings import api_settings


def field_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flatten DRF's nested error detail into `{pointer, code, detail}` rows."""
    if isinstance(detail, dict):
        # What is wrong with the whole has no member of its own to point at.
        whole = api_settings.NON_FIELD_ERRORS_KEY
        pointers = {key: pointer if key == whole else f"{pointer}/{key}" for key in detail}
        return [row for key, value in detail.items() for row in field_errors(value, pointers[key])]
    if isinstance(detail, list):
        if all(isinstance(item, ErrorDetail) for item in detail):
            return [{"pointer": pointer, "code": str(item.code), "detail": str(item)} for item in detail]
        return [row for index, item in enumerate(detail) for row in field_errors(item, f"{pointer}/{index}")]
    return [{"pointer": pointer, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}]


def first_of(errors: list[dict[str, str]]) -> str:
    """The first of them in one line, with the member that it is about."""
    first = errors[0] if errors else {"pointer": "", "detail": "The request is not valid."}
    where = first["pointer"].strip("/")
    return f"{where}: {first['detail']}" if where else first["detail"]
