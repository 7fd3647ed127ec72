"""Search for IDs and hashes, whole or by their first digits, and for exact names; all of it served by indexes.

Only a well-formed term ever reaches the database.
"""

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
from django.db.models.functions import Left
from django.db.models.lookups import Exact

from kernel.canonical import HASH_HEAD

# A policy version is written 7 or v7.
# Nine digits, because ten may exceed the column, which raises instead of finding nothing.
INTEGER = re.compile(r"v?([0-9]{1,9})")
HASH_LENGTH = 64
# Lists show so many digits of an ID; fewer could as well be a symbol.
FEWEST_DIGITS = 8
HEX = re.compile(rf"(?=.*[0-9])[0-9a-f]{{{FEWEST_DIGITS},{HASH_LENGTH}}}")
# Above every digit: what begins with "ab" lies between "ab" and "abg".
ABOVE_DIGITS = "g"
ID_DIGITS, LONGEST_ID = 32, 36


def search_exactly(queryset: QuerySet[Any], search_fields: Sequence[str], text: str) -> QuerySet[Any]:
    """The rows where one of the fields (written `name__exact`) equals the text; none for a malformed text.

    An ID or a hash may be cut off after eight digits.

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
        digits = digits_of(text)
        if digits and isinstance(field, models.UUIDField):
            condition |= id_begins(path, digits)
        elif digits and _is_hash(field):
            condition |= hash_begins(path, digits)
        elif value is not None:
            condition |= Q((f"{path}__exact", value))
    return queryset.filter(condition) if condition else queryset.none()


def digits_of(text: str) -> str:
    """The first digits of an ID or a hash, or all of them; "" for what can be neither."""
    digits = text.strip().lower()
    digits = digits.replace("-", "") if len(digits) <= LONGEST_ID else digits
    return digits if HEX.fullmatch(digits) else ""


def id_begins(path: str, digits: str) -> Q:
    """Whether a UUID begins with these hexadecimal digits; nothing begins with more than it has."""
    if len(digits) > ID_DIGITS:
        return Q(pk__in=())
    first, last = UUID(digits.ljust(ID_DIGITS, "0")), UUID(digits.ljust(ID_DIGITS, "f"))
    return Q((f"{path}__gte", first), (f"{path}__lte", last))


def hash_begins(path: str, digits: str) -> Q:
    """Whether a hash begins with these eight or more digits: by an index of whole hashes, or of their heads."""
    between = Q((f"{path}__gte", digits), (f"{path}__lt", digits + ABOVE_DIGITS))
    return Q(Exact(Left(path, HASH_HEAD), digits[:HASH_HEAD])) & between


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
        return 0 < len(digits_of(text)) <= ID_DIGITS
    if isinstance(field, models.IntegerField):
        return INTEGER.fullmatch(text.lower()) is not None and not text.isdigit()
    return _is_hash(field) and bool(digits_of(text))


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
    if isinstance(field, models.UUIDField) or _is_hash(field):
        return None
    if isinstance(field, models.IntegerField):
        number = INTEGER.fullmatch(text.lower())
        return int(number[1]) if number else None
    if isinstance(field, models.GenericIPAddressField):
        # PostgreSQL's inet, and Django before it, raise for anything else.
        return text if _is_address(text) else None
    if not text or "\x00" in text or len(text) > (field.max_length or len(text)):
        return None
    return text.upper() if field.name == "symbol" else text
