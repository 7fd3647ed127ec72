"""How API bodies are read: as strictly as alerts, with prices as Decimal and never as float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

from rest_framework.parsers import BaseParser

from signals_app.alerts.decoding import decode_alert

MAX_BODY_BYTES = 1024 * 1024


class StrictJSONParser(BaseParser):
    """Parse a JSON object; duplicate keys, NaN, U+0000 and their like are refused with their code."""

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body's object with fractions as Decimal; raise DomainError with code and sentence."""
        body = stream.read()
        decode_alert(body, max_bytes=MAX_BODY_BYTES)
        document: dict[str, Any] = json.loads(body.decode("utf-8-sig"), parse_float=Decimal)
        return document
