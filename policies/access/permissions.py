"""What each kind of key may call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from policies.models import ApiKey, KeyOwner

if TYPE_CHECKING:
    # DRF's views import the default permissions: a real import would be circular.
    from rest_framework.views import APIView

ENGINE_OF_OWNER = {KeyOwner.ENGINE_A.value: "A", KeyOwner.ENGINE_B.value: "B"}


def engine_of(request: Request) -> str:
    """Return the engine, A or B, that the request's key belongs to."""
    assert isinstance(request.auth, ApiKey)
    return ENGINE_OF_OWNER[request.auth.owner]


class HasKnownKey(BasePermission):
    """Any valid key."""

    message = "Send an API key: `Authorization: Api-Key <key>`."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the request came with a valid key of a fitting owner."""
        return isinstance(request.auth, ApiKey) and self.admits(request.auth)

    def admits(self, key: ApiKey) -> bool:
        """Tell whether this key's owner may call."""
        return True


class IsEngine(HasKnownKey):
    """A key of engine A or B."""

    message = "This call takes a key of engine A or engine B."

    def admits(self, key: ApiKey) -> bool:
        """Admit engines."""
        return key.owner in ENGINE_OF_OWNER


class IsAnalyst(HasKnownKey):
    """A key of an analyst."""

    message = "This call takes an analyst's key."

    def admits(self, key: ApiKey) -> bool:
        """Admit analysts."""
        return key.owner == KeyOwner.ANALYST
