"""Search for exact IDs, hashes and names: only a well-formed term ever reaches the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.contrib.admin.utils import get_fields_from_path
from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.constants import LOOKUP_SEP

SHA256_HEX = re.compile(r"[0-9a-f]{64}")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
# A policy version is written 7 or v7.
# Nine digits, because ten may exceed the column, which raises instead of finding nothing.
INTEGER = re.compile(r"v?([0-9]{1,9})")
HASH_LENGTH = 64


def search_exactly(queryset: QuerySet[Any], search_fields: Sequence[str], text: str) -> QuerySet[Any]:
    """The rows where one of the fields (written `name__exact`) equals the text; none for a malformed text.

    Exact lookups use the index of an ID or name; the admin's own search would compare upper-case
    text row by row.
    """
    text = text.strip()
    fields = {path: field_at(queryset.model, path) for path in (one.removesuffix("__exact") for one in search_fields)}
    unmistakable = {path: field for path, field in fields.items() if _is_unmistakable(field, text)}
    condition = Q()
    # What can only be an ID, say, is not searched among symbols: an OR across tables uses no index.
    for path, field in (unmistakable or fields).items():
        value = _value_for(field, text)
        if value is not None:
            condition |= Q((f"{path}__exact", value))
    return queryset.filter(condition) if condition else queryset.none()


def field_at(model: type[models.Model], path: str) -> models.Field[Any, Any]:
    """The field that a lookup path such as `experiment_id` or `signal__symbol` ends at."""
    *relations, name = path.split(LOOKUP_SEP)
    if relations:
        relation = get_fields_from_path(model, LOOKUP_SEP.join(relations))[-1]
        model = relation.related_model  # type: ignore[assignment]  # a path through relations ends at a model
    field = model._meta.get_field(name)  # noqa: SLF001 (Django's public model API)
    assert isinstance(field, models.Field)
    return field.target_field if isinstance(field, models.ForeignKey) else field


def _is_unmistakable(field: models.Field[Any, Any], text: str) -> bool:
    """Whether the text has the form that only fields of this kind have: an ID, a hash, v7."""
    if isinstance(field, models.UUIDField):
        return UUID_TEXT.fullmatch(text.lower()) is not None
    if isinstance(field, models.IntegerField):
        return INTEGER.fullmatch(text.lower()) is not None and not text.isdigit()
    return _is_hash(field) and SHA256_HEX.fullmatch(text.lower()) is not None


def _is_hash(field: models.Field[Any, Any]) -> bool:
    return field.max_length == HASH_LENGTH and field.name.endswith("_hash")


def _is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _value_for(field: models.Field[Any, Any], text: str) -> object | None:
    """The text as a value of the field; None when it cannot be one."""
    if isinstance(field, models.UUIDField):
        return UUID(text) if UUID_TEXT.fullmatch(text.lower()) else None
    if isinstance(field, models.IntegerField):
        number = INTEGER.fullmatch(text.lower())
        return int(number[1]) if number else None
    if isinstance(field, models.GenericIPAddressField):
        # PostgreSQL's inet, and Django before it, raise for anything else.
        return text if _is_address(text) else None
    if _is_hash(field):
        return text.lower() if SHA256_HEX.fullmatch(text.lower()) else None
    if not text or "\x00" in text or len(text) > (field.max_length or len(text)):
        return None
    return text.upper() if field.name == "symbol" else text
