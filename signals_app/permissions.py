"""What each kind of key may call in this app.

Keys belong to policies, which this app knows nothing of; their owner is all that counts here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    # DRF's views import the default permissions: a real import would be circular.
    from rest_framework.views import APIView

FEEDER = "feeder"


def feeder_of(request: Request) -> str:
    """Return the name of the feeder's key that the request came with."""
    key: Any = request.auth
    return str(key.name)


class IsFeeder(BasePermission):
    """A key of a feeder of market data."""

    message = "This call takes a feeder's key."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Admit feeders."""
        return getattr(request.auth, "owner", None) == FEEDER
