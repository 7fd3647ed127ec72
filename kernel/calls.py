"""What a call was sent: its body, and that it has no query."""

from __future__ import annotations

from typing import TypeVar

from rest_framework.request import Request

from kernel.errors import DomainError
from kernel.fields import StrictSerializer, query_of

Body = TypeVar("Body", bound=StrictSerializer)


def validated_body(serializer: type[Body], request: Request) -> Body:
    """The body of a call that needs one, read; raises `empty_body`, and what the serializer does."""
    body = serializer(data=request.data)
    # For want of a body DRF makes {} up, which some calls would take for all their defaults.
    if request.stream is None:
        raise DomainError("empty_body", "The body is empty; it must be a JSON object.")
    body.is_valid(raise_exception=True)
    return body


def refuse_query(request: Request) -> None:
    """Of a call that takes no query parameters: reject any, as a misspelt one is rejected elsewhere."""
    StrictSerializer(data=query_of(request)).is_valid(raise_exception=True)
