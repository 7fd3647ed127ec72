"""How single values of the engine calls are read and written."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kernel.decimals import decimal_text
from kernel.errors import DomainError
from kernel.instants import parse_instant
from outcomes.models import ExitReason

_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
MAX_INSTRUMENT = 64


class DecimalTextField(serializers.DecimalField):
    """A decimal as text or JSON number, never a float; answered as text with at least two decimals."""

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the exact number; refuse what only Python would read as one."""
        if isinstance(data, bool) or not isinstance(data, (str, int, Decimal)):
            self.fail("invalid")
        if isinstance(data, str) and _DECIMAL.fullmatch(data) is None:
            self.fail("invalid")
        return super().to_internal_value(data)

    def to_representation(self, value: Any) -> str:
        """Return the number as people write it."""
        return decimal_text(value)


def price_field(**options: Any) -> DecimalTextField:
    """Return a field for the price of one unit, as the columns hold it."""
    return DecimalTextField(max_digits=20, decimal_places=8, **options)


def net_price_field(**options: Any) -> DecimalTextField:
    """Return a field for the price of a trade: the net debit of up to four legs."""
    return DecimalTextField(max_digits=24, decimal_places=8, **options)


@extend_schema_field(OpenApiTypes.DATETIME)
class InstantField(serializers.Field[datetime, Any, Any, Any]):
    """An RFC 3339 time with zone and at most microseconds; DRF's own would give a zone to a time without."""

    def to_internal_value(self, data: Any) -> datetime:
        """Return the instant in UTC."""
        try:
            return parse_instant(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid_time") from error


class InstrumentField(serializers.CharField):
    """A symbol, kept character for character: the spaces inside an OCC symbol count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_INSTRUMENT, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the symbol; refuse other types, control characters and spaces around it."""
        if not isinstance(data, str) or not data.isprintable() or data != data.strip():
            self.fail("invalid")
        return super().to_internal_value(data)


class ExitReasonField(serializers.ChoiceField):
    """One of the known exit reasons, with an error code of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=ExitReason.choices, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the reason or raise `unknown_exit_reason`."""
        if not isinstance(data, str) or data not in ExitReason.values:
            known = ", ".join(ExitReason.values)
            raise DomainError("unknown_exit_reason", f"exit_reason is one of {known}.", "/exit_reason")
        return data


@extend_schema_field(OpenApiTypes.ANY)
class AnyJSONField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, null included, untouched."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_internal_value(self, data: Any) -> Any:
        """Return the value as it is."""
        return data

    def to_representation(self, value: Any) -> Any:
        """Return the value as it is."""
        return value


@extend_schema_field(OpenApiTypes.OBJECT)
class JSONObjectField(AnyJSONField):
    """A JSON object; what it holds is not looked at."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.allow_null = False

    def to_internal_value(self, data: Any) -> Any:
        """Return the object as it is; refuse anything else."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("Send a JSON object.", code="not_an_object")
        return data
