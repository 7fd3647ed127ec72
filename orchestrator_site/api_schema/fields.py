"""How fields of our own stand in the OpenAPI document: as strict as they read, and as exact as they answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from kernel.fields import INSTANT, JSON, STORABLE


class DecimalText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # the library's base has no types
    """Decimals: read from text or number, answered as text."""

    target_class = "kernel.fields.DecimalTextField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The pattern follows from the digits of the column."""
        field = self.target
        whole, places = field.max_digits - field.decimal_places, field.decimal_places
        # Of what must not be negative only 0 may have a sign.
        sign = "(-(?=[0.]+$))?" if field.min_value == 0 else "-?"
        digits = f"0*\\d{{1,{whole}}}(\\.\\d{{1,{places}}}"
        if direction == "response":
            return {"type": "string", "pattern": f"^{sign}{digits})?$"}
        number: dict[str, Any] = {
            "type": "number", "description": f"Rounded to {places} decimals.", "exclusiveMaximum": 10**whole,
        }  # fmt: skip
        if field.above_zero:
            sign, number["minimum"] = "(?!0+(\\.0+)?$)", float(Decimal(1).scaleb(-places))
        elif field.min_value is not None:
            number["minimum"] = int(field.min_value)
        else:
            number["exclusiveMinimum"] = -(10**whole)
        text = {"type": "string", "pattern": f"^{sign}{digits}0*)?$", "maxLength": field.MAX_STRING_LENGTH}
        return {"anyOf": [text, number]}


class Text(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # as above
    """Text: one that is all white space is blank, too."""

    target_class = "kernel.fields.TextField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Its own pattern, beside what the library says of its length."""
        schema: dict[str, Any] = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # noqa: SLF001 (the library's advice)
        return schema | {"pattern": STORABLE if self.target.allow_blank else self.target.pattern}


class ListOf(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # as above
    """Lists of objects, with how many there may be."""

    target_class = "rest_framework.serializers.ListSerializer"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The bounds, which the library leaves out."""
        field = self.target
        schema: dict[str, Any] = auto_schema._map_serializer_field(field, direction, bypass_extensions=True)  # noqa: SLF001 (as above)
        bounds = {"minItems": field.min_length, "maxItems": field.max_length}
        return schema | {name: bound for name, bound in bounds.items() if bound is not None}


class Instant(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # the library's base has no types
    """Times with a zone."""

    target_class = "kernel.fields.InstantField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """What the document defines once (`generation.py`)."""
        return INSTANT


class AnyJSON(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # as above
    """Any JSON value that can be stored."""

    target_class = "kernel.fields.AnyJSONField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """What the document defines once (`generation.py`)."""
        return JSON
