"""Model fields of this project."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from psycopg.types.json import Json

from kernel.canonical import canonical_json, load_canonical


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
