"""Fields: of models, and of the bodies of calls, which are read strictly and keep what was sent exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from drf_spectacular.utils import extend_schema_field
from psycopg.types.json import Json
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from kernel.canonical import SHA256_HEX, canonical_json, load_canonical
from kernel.values import decimal_text, format_timestamp, parse_instant, without_noise


def members(**schemas: Any) -> dict[str, Any]:
    """What JSON Schema says of some members of an object, whatever others it has; for `StrictSerializer.together`."""
    return {"properties": schemas, "additionalProperties": True}


class CanonicalJSONField(models.JSONField):
    """JSON kept as its canonical text (RFC 8785), in a column of type ``json``.

    ``jsonb`` would rewrite numbers and reorder members; ``json`` keeps the text, so that the
    database itself can check the SHA-256 of what is stored.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """``json``."""
        return "json"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002 (Django's signature)
        """The value as canonical text for psycopg; ``None`` stays SQL NULL."""
        # Expressions, such as a database default, make their own SQL.
        if value is None or hasattr(value, "as_sql"):
            return value
        return Json(value, dumps=lambda document: canonical_json(document).decode())

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Select the text, because reading canonical numbers needs it (see `load_canonical`)."""
        return f"({sql})::text", params

    def from_db_value(self, value: Any, expression: Expression, connection: BaseDatabaseWrapper) -> Any:
        """The parsed document."""
        return load_canonical(value) if isinstance(value, str) else value


# For the OpenAPI document: times, and text, JSON and JSON objects as they can be stored, which U+0000 cannot.
INSTANT = {"$ref": "#/components/schemas/Instant"}
STORABLE = "^[^\\u0000]*$"
JSON = {"$ref": "#/components/schemas/JSON"}
JSON_OR_NULL = {"anyOf": [JSON, {"type": "null"}]}
JSON_OBJECT = {"type": "object", "propertyNames": {"pattern": STORABLE}, "additionalProperties": JSON_OR_NULL}
# Without exponents, which `Decimal` would read, too.
_DECIMAL = re.compile(r"(-?\d+)(?:\.(\d+))?", re.ASCII)


class MomentField(serializers.DateTimeField):
    """A stored instant as answered, in the form of every document of ours."""

    def to_representation(self, value: datetime) -> str:
        """With microseconds, in UTC."""
        return format_timestamp(value)


class FixedFields:
    """Of a serializer whose fields are those of its class: they are built once, where DRF copies them for every call.

    They may keep nothing of a call, since all threads use the same.
    """

    serializer_field_mapping: ClassVar[Any] = serializers.ModelSerializer.serializer_field_mapping | {
        models.DateTimeField: MomentField
    }

    @property
    def fields(self) -> Any:
        """The fields by name."""
        kind: Any = type(self)
        return _fields_of(kind)

    @classmethod
    def answer(cls, instance: Any) -> dict[str, Any]:
        """What is answered of a row or of named values, by a serializer that is made once, too."""
        kind: Any = cls
        answer: dict[str, Any] = _made(kind).to_representation(instance)
        return answer

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The answer; a field that has no value is null."""
        answer = {}
        take: Any = dict.__getitem__ if isinstance(instance, dict) else getattr
        kind: Any = type(self)
        for name, source, field, write in _answered(kind):
            value = field.get_attribute(instance) if source is None else take(instance, source)
            answer[name] = None if value is None else write(value)
        return answer


@cache
def _made(serializer: Any) -> Any:
    return serializer()


@cache
def _fields_of(serializer: Any) -> Any:
    fields = super(FixedFields, serializer()).fields
    for field in fields.values():
        if isinstance(field, serializers.ChoiceField):
            known = ", ".join(map(str, field.choices))
            field.error_messages["invalid_choice"] = f'"{{input}}" is not one of {known}.'
    return fields


@cache
def _answered(serializer: Any) -> list[tuple[str, str | None, Any, Callable[[Any], Any]]]:
    """Name, attribute, field and writer of all that is answered; no attribute where the field must look for itself."""
    return [
        (name, None if field.source == "*" or "." in field.source else field.source, field, field.to_representation)
        for name, field in _fields_of(serializer).items()
    ]


class StrictSerializer(FixedFields, serializers.Serializer[Any]):
    """A body or a query with known fields only, each stored under its own name."""

    # What the document says of several fields together, as JSON Schema; the serializer checks it by other means.
    together: ClassVar[dict[str, Any]] = {}

    def words_for_unknown(self, name: str) -> str:
        """What is said of a member that there is not; of some it helps to say what to send instead."""
        return "Unknown field."

    def to_internal_value(self, data: Any) -> Any:
        """Reject unknown fields by name, then validate as DRF does, without what is for forms and partial updates."""
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        taken = _taken(type(self))
        # Mostly a misspelt optional field, which DRF would silently take for absent.
        if not data.keys() <= taken.keys():
            unknown = sorted(data.keys() - taken.keys())
            raise serializers.ValidationError(
                {
                    name: [serializers.ErrorDetail(self.words_for_unknown(name), code="unknown_field")]
                    for name in unknown
                }
            )
        values, errors = {}, {}
        for name, (may_lack, read, check) in taken.items():
            if may_lack and name not in data:
                continue
            try:
                value = read(data.get(name, empty))
                values[name] = value if check is None else check(self, value)
            except serializers.ValidationError as error:
                errors[name] = error.detail
        if errors:
            raise serializers.ValidationError(errors)
        return values

    def run_validators(self, value: Any) -> None:
        """Those of the whole, of which most bodies have none."""
        if self.validators:
            super().run_validators(value)


@cache
def _taken(serializer: Any) -> dict[str, tuple[bool, Callable[[Any], Any], Any]]:
    """Each field by its name: whether it may be left out, its reader, and the serializer's own check of it, if any."""
    return {
        name: (
            not field.required and field.default is empty,
            reader_of(field),
            getattr(serializer, f"validate_{name}", None),
        )
        for name, field in _fields_of(serializer).items()
    }


_PLAIN = {serializers.Field.run_validation, serializers.CharField.run_validation}


def reader_of(field: Any) -> Callable[[Any], Any]:
    """The field's `run_validation`, at once with a value that is neither empty nor wrong; all others take the long way.

    That it says the same is a test's to prove (`tests/kernel/test_fields.py`).
    """
    in_full: Callable[[Any], Any] = field.run_validation
    if type(field).run_validation not in _PLAIN or field.read_only:
        return in_full
    convert = field.to_internal_value
    # DRF looks for half a surrogate pair character by character; in ASCII there is none.
    validators = [each for each in field.validators if not isinstance(each, ProhibitSurrogateCharactersValidator)]
    assert not any(getattr(each, "requires_context", False) for each in validators)

    def read(data: Any) -> Any:
        if data is empty or data is None or (isinstance(data, str) and not (data.isascii() and data.strip())):
            return in_full(data)
        value = convert(data)
        try:
            for validate in validators:
                validate(value)
        except (DjangoValidationError, serializers.ValidationError):
            return in_full(data)
        return value

    return read


class PeriodSerializer(StrictSerializer):
    """A query that may have `since` and `until`."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Reject a period that ends before it begins, as `period_empty`."""
        since, until = attrs.get("since"), attrs.get("until")
        if since is not None and until is not None and since > until:
            detail = "Nothing is at or after since and before until: until is the earlier one."
            raise serializers.ValidationError({"until": serializers.ErrorDetail(detail, code="period_empty")})
        return attrs


def query_of(request: Request) -> dict[str, str]:
    """The query parameters; one that is given twice is rejected: taking either would answer another question."""
    repeated = sorted(name for name, values in request.query_params.lists() if len(values) > 1)
    if repeated:
        raise serializers.ValidationError(
            {name: [serializers.ErrorDetail("Send it once.", code="repeated")] for name in repeated}
        )
    return request.query_params.dict()


class TextField(serializers.CharField):
    """Text in a body, not blank; DRF's own would also take a number for it."""

    # What the document says of it; it is checked by other means.
    # What is white space to Python only, or to ECMAScript only, is none to the other.
    pattern = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085\ufeff][^\u0000]*$"

    def to_internal_value(self, data: Any) -> str:
        """The text, without white space around it."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PatternField(TextField, serializers.RegexField):
    """Text in a body that matches a pattern, to its first and last character."""

    def __init__(self, pattern: str, **options: Any) -> None:
        super().__init__(pattern, trim_whitespace=False, **options)
        self.pattern = pattern
        self._matches = re.compile(pattern, re.ASCII).fullmatch

    def to_internal_value(self, data: Any) -> str:
        """The text; `$` alone would let a line feed follow it."""
        text = super().to_internal_value(data)
        if self._matches(text) is None:
            self.fail("invalid")
        return text


class IdField(serializers.UUIDField):
    """A UUID in a body; DRF's own would also take a number for one."""

    def to_internal_value(self, data: Any) -> UUID:
        """The UUID."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


# Of whole numbers, which is more than any column has.
MAX_DIGITS = 20


class WholeField(serializers.IntegerField):
    """A whole number in a body; DRF's own, which queries need, would also take text for one."""

    def to_internal_value(self, data: Any) -> int:
        """The number, as in 10, 10.0 and 1e1."""
        _refuse_all_but_numbers(self, data)
        # Beyond these digits `int` would write out what no field takes.
        if isinstance(data, Decimal) and data.adjusted() < MAX_DIGITS and data == data.to_integral_value():
            data = int(data)
        return super().to_internal_value(data)


class SecondsField(serializers.FloatField):
    """A number of seconds in a body; DRF's own would also take text or true for one."""

    def to_internal_value(self, data: Any) -> float:
        """The number."""
        _refuse_all_but_numbers(self, data)
        return super().to_internal_value(data)


def _refuse_all_but_numbers(field: serializers.Field[Any, Any, Any, Any], data: Any) -> None:
    if isinstance(data, bool) or not isinstance(data, (int, float, Decimal)):
        field.fail("invalid")


def sha256_field(**options: Any) -> PatternField:
    """A field for 64 lower-case hex digits."""
    advice = "Send a SHA-256 as 64 lower-case hexadecimal digits."
    return PatternField(SHA256_HEX, error_messages={"invalid": advice}, **options)


class DecimalTextField(serializers.DecimalField):
    """A decimal as text or JSON number, never a float; answered as text with at least two decimals.

    Text must fit the column exactly; zeros before and after the number say nothing. A JSON number is a double to most
    who write one, with noise in its last digits, as in 0.30000000000000004: that is taken away, and the rest rounded to
    the decimals of the column, half to even.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Send a plain decimal, such as 12.50."}

    # What the document says of it beside `min_value`; a subclass checks it.
    above_zero = False

    def __init__(self, max_digits: int, decimal_places: int, **options: Any) -> None:
        super().__init__(max_digits, decimal_places, **options)
        self._whole, self._decimals = max_digits - decimal_places, decimal_places
        self.step, self._context = Decimal(1).scaleb(-decimal_places), Context(prec=max_digits)
        self._least: Decimal | None = options.get("min_value")
        # A number may be rounded up to this.
        self._end, self._rounding = Decimal(10) ** self._whole, Context(prec=max_digits + 1, rounding=ROUND_HALF_EVEN)

    def to_internal_value(self, data: Any) -> Decimal:
        """The number; what only Python would read as one is rejected."""
        if isinstance(data, str):
            # `Decimal` alone also reads "1_0", "NaN" and digits of other scripts.
            written = _DECIMAL.fullmatch(data)
            if written is None:
                self.fail("invalid")
            whole, decimals = written.groups()
            # Nearly every number: its digits need not be counted one by one.
            if len(whole) <= self._whole and len(decimals or "") <= self._decimals:
                return self.quantize(Decimal(data))
            if decimals is not None and len(data) <= self.MAX_STRING_LENGTH:
                # The same number, of whose decimals DRF would count the zeros at the end.
                data = f"{whole}.{decimals.rstrip('0') or '0'}"
        elif isinstance(data, bool) or not isinstance(data, (int, Decimal)):
            self.fail("invalid")
        else:
            number = Decimal(data)
            if self._least is not None and number < self._least:
                # Before it is rounded to what is allowed.
                self.fail("min_value", min_value=self._least)
            # Just below what the column holds, what was meant may be beyond.
            for meant in (without_noise(number), number) if isinstance(data, Decimal) else (number,):
                if abs(meant) < self._end:
                    rounded = meant.quantize(self.step, context=self._rounding)
                    if abs(rounded) < self._end:
                        return rounded
        return super().to_internal_value(data)

    def quantize(self, value: Decimal) -> Decimal:
        """With as many decimals as the column; DRF makes the context anew for every number."""
        return value.quantize(self.step, context=self._context)

    def to_representation(self, value: Any) -> str:
        """Plain digits, at least two decimals."""
        return decimal_text(value)


class InstantField(serializers.Field[datetime, Any, Any, Any]):
    """An RFC 3339 time with zone, cut to microseconds; DRF's own would add a zone to a time without one."""

    def to_internal_value(self, data: Any) -> datetime:
        """The instant in UTC."""
        try:
            return parse_instant(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid_time") from error


class AnyJSONField(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, null included, untouched."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_internal_value(self, data: Any) -> Any:
        """As sent."""
        return data

    def to_representation(self, value: Any) -> Any:
        """As stored."""
        return value


@extend_schema_field(JSON_OBJECT)
class JSONObjectField(AnyJSONField):
    """A JSON object with any contents."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.allow_null = False

    def to_internal_value(self, data: Any) -> Any:
        """As sent; anything but an object is rejected."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("Send a JSON object.", code="not_an_object")
        return data
