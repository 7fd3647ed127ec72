"""How fields of our own stand in the OpenAPI document: as strict as they read, and as exact as they answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from kernel.values import RFC_3339


class DecimalText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # the library's base has no types
    """Decimals: read from text or number, answered as text."""

    target_class = "kernel.fields.DecimalTextField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The pattern follows from the digits of the column."""
        field = self.target
        whole, places = field.max_digits - field.decimal_places, field.decimal_places
        sign = "" if field.min_value == 0 else "-?"
        text = {"type": "string", "pattern": f"^{sign}\\d{{1,{whole}}}(\\.\\d{{1,{places}}})?$"}
        if direction == "response":
            return text
        number: dict[str, Any] = {"type": "number"}
        if field.min_value is not None:
            number["minimum"] = int(field.min_value)
        return {"anyOf": [text, number]}


class Instant(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # the library's base has no types
    """Times with a zone."""

    target_class = "kernel.fields.InstantField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Its own pattern, for clients that check no formats."""
        return {"type": "string", "format": "date-time", "pattern": f"^{RFC_3339.pattern}$"}


class AnyJSON(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # as above
    """Any JSON value, said so that no reader takes it for a mistake."""

    target_class = "kernel.fields.AnyJSONField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Every type there is."""
        return {"type": ["object", "array", "string", "number", "boolean"], "items": {}}
