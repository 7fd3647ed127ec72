"""The call that answers the OpenAPI document."""

from __future__ import annotations

import threading
from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

_ONE_AT_A_TIME = threading.Lock()


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, made for one request after the other.

    The library finds out what its extensions are of while it makes the first one. Two threads that do so at once leave
    some of them without effect for as long as the process lives (drf-spectacular 0.30, `plumbing.py`, `_load_class`).
    """

    def _get_schema_response(self, request: Request) -> Response:
        with _ONE_AT_A_TIME:
            made: Any = super()._get_schema_response(request)  # type: ignore[no-untyped-call]
        return Response(made.data, headers=made.headers)
